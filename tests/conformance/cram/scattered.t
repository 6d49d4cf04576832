  $ printf 'a\nb\n'
  a

  b
