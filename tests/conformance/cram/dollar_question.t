  $ false
  [1]
  $ echo $?
  0
