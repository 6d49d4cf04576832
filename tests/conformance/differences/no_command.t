# default: error; Cram: pass; a document without a command is not green (in both modes)
Prose alone.
