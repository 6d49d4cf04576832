  $ nosuch
  /bin/sh: 2: nosuch: not found
  [127]
  $ cd /nosuch
  /bin/sh: 4: cd: can't cd to /nosuch
  [2]
  $ true
  > nosuch
  /bin/sh: 7: nosuch: not found
  [127]
