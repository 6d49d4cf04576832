  $ (exit 80)
  [80]
  $ sh -c 'exit 80'
  [80]
