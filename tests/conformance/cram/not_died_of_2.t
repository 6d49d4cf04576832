  $ echo x
  \x (esc)
