  $ printf 'a\nb\nc\n'
  [ (re)
  *a (re)
  c
