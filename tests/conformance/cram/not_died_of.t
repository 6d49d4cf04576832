  $ echo x
  ab\ (glob)
