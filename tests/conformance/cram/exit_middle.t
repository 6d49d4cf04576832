  $ echo one
  one
  $ exit 0
  $ echo two
  two
