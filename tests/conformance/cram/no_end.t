  $ printf 'no end'
  no end (no-eol)