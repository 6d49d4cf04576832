  $ echo hi
  hi
  $ printf 'a\n'
  a
