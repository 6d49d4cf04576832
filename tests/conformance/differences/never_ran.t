# default: fail; Cram: pass; a command that never ran is not passed over (in both modes)
  $ set -e
  $ false
  $ echo never
