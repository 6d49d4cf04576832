  $ printf 'x\na1\nb2\nc3\n'
  a\d (re)
  b\d (re)
  c\d (re)
