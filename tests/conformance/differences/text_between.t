# default: pass; Cram: fail; text may stand between the lines of an output
  $ printf 'a\nb\n'
  a
text
  b
