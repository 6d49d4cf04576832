# default: fail; Cram: pass; messages of the shell name the case's own file and line
  $ nosuchcommand
  /bin/sh: 2: nosuchcommand: not found
  [127]
