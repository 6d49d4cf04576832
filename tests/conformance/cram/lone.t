  $ echo a
  >
  a
  >
