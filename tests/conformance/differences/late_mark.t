# default: pass; Cram: fail; "> " continues a command only directly behind it
  $ printf 'a\n> b\n'
  a
  > b
