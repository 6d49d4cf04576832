# default: error; Cram: pass; regular expressions are RE2's: none looks ahead or back (in both modes; --compat cram fails)
  $ echo ab
  a(?=b)b (re)
