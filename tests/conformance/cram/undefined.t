  $ set -u
  $ echo $nope
  /bin/sh: 4: nope: parameter not set (no-eol)
