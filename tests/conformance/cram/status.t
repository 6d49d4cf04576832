  $ (exit 3)
  [3]
  $ (exit 4)
  [3]
  $ (exit 5)
  $ true
  [0]
