  a
  b (re)
text
  $ echo c
  c
