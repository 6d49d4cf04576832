# default: pass; Cram: fail; `set -x` shows the commands of the case and nothing else (in both modes)
  $ set -x
  $ echo a
  + echo a
  a
