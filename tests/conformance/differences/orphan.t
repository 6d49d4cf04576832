# default: error; Cram: fail; an output without a command is a mistake in the document
  nobody's
  $ true
