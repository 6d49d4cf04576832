  $ cat <<'END'
  >   $ echo no
  > [1]
  > 
  > END
    $ echo no
  [1]
  
