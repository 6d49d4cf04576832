  $ printf 'a\r\nb\rc\n\r'
  a\r (esc)
  b\r (no-eol) (esc)
  c
  \r (no-eol) (esc)
