# default: fail; Cram: pass; no byte is lost when the shell ends
  $ printf 'last'; exit 0
  las (no-eol)
