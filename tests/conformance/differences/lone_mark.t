# default: pass; Cram: fail; a ">" whose last blank was lost continues a command
  $ cat <<'END'
  >
  > x
  > END
  
  x
