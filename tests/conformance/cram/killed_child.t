  $ sh -c 'kill -TERM $$'
  Terminated
  [143]
