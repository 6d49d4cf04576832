# default: pass; Cram: fail; a line with (?) may be missing, as Mercurial has it
  $ echo a
  maybe (?)
  a
