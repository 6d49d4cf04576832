# default: fail; Cram: pass; a printed [1] is output, not the exit status
  $ echo '[1]'
  [1]
