  $ echo wrong
  right
  $ exit 80
  $ echo never
