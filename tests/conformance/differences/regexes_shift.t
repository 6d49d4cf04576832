# default: pass; Cram: fail; regular expressions are tried on all lines, not only on those at the same distance
  $ printf 'a1\nb2\nc3\n'
  gone (?)
  a\d (re)
  b\d (re)
  c\d (re)
