  $ exit 80
