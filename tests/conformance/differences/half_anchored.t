# default: fail; Cram: pass; a regular expression holds for the whole line on both sides of |
  $ echo foobaz
  foo|bar (re)
