  $ for i in 1 2 3 4 5 6; do echo same; echo $i; done
  same
  1
  same
  2
  same
  3
  same
  5
  same
  6
  same
  4
