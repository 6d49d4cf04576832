  $ f() { echo "f $1"; }
  $ cd /; X=1
  $ f $X$PWD
  f 1/
  $ set -- a b; echo $#
  2
  $ echo $#
  2
