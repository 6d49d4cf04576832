  $ printf 'a\nb'
  a
  b (no-eol)
  $ printf 'a'; (exit 2)
  a (no-eol)
  [2]
