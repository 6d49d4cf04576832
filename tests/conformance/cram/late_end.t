  $ echo a
  a
  b

  > echo b
