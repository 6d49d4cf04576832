# default: pass; Cram: fail; the exit status of the command that ends the shell counts
  $ exit 3
  [3]
