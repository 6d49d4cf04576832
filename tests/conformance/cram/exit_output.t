  $ printf 'abc\n'; exit 1
  abc (no-eol)
