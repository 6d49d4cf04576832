# default: pass; Cram: fail; CRLF ends a line
  $ test a = a
