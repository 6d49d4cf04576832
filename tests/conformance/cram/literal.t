  $ printf '%s\n' 'a (re)' '[ (re)' '* (glob)' 'x (esc)' 'y (no-eol)'
  a (re)
  [ (re)
  * (glob)
  x (esc)
  y (no-eol)
