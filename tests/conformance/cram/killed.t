  $ echo a; kill -9 $$
  a (no-eol)
