  $ printf '\001\t\\\\\377\n'
  \x01\t\\\xff (esc)
  $ printf '\001\n'
  \001 (esc)
  $ echo '\\'
  \\ (esc)
  $ printf 'a\tb\n'
  a	b
