# default: skip; Cram: fail; status 80 of any command skips the document where it is not expected
  $ (exit 80)
