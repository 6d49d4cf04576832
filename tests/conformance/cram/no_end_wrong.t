  $ printf 'no end'
  no end