# default: fail; Cram: pass; and cannot be left out
  $ exit 3
