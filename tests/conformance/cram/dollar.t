  $
  $ echo '$'
  $
