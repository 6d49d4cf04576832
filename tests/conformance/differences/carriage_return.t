# default: pass; Cram: fail; a carriage return does not end a line
  $ printf 'a\rb\n'
  a\rb (esc)
