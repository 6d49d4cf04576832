  $ echo alpha
  (?i)ALPHA (re)
  $ echo alpha
  (?i:ALPHA) (re)
