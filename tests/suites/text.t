Text tools
==========

What sed, awk, grep, sort and their like do with lines. All cases share one shell, as Cram has it: a function, a
variable or a directory of one command is there for all that come later.

A table to work with:

  $ cat > people <<'END'
  > ada	1815	london
  > grace	1906	new york
  > alan	1912	london
  > edsger	1930	rotterdam
  > END
  $ wc -l < people
  4

sed
---

Substitution, first and all:

  $ echo 'a-b-c' | sed 's/-/+/'
  a+b-c
  $ echo 'a-b-c' | sed 's/-/+/g'
  a+b+c
  $ echo 'a-b-c' | sed 's/-/+/2'
  a-b+c

Groups:

  $ sed -nE 's/^([a-z]+)\t([0-9]+)\t.*/\2 \1/p' people
  1815 ada
  1906 grace
  1912 alan
  1930 edsger

Lines by number and by pattern:

  $ sed -n 2p people
  grace\t1906\tnew york (esc)
  $ sed '/london/d' people
  grace\t1906\tnew york (esc)
  edsger\t1930\trotterdam (esc)
  $ sed -n '/grace/,/edsger/p' people | wc -l
  3

In place, with a copy of what was:

  $ cp people work && sed -i.bak 's/london/LONDON/' work && diff work.bak work
  1c1
  < ada\t1815\tlondon (esc)
  ---
  > ada\t1815\tLONDON (esc)
  3c3
  < alan\t1912\tlondon (esc)
  ---
  > alan\t1912\tLONDON (esc)
  [1]

Characters for others:

  $ echo hello | sed 'y/el/ip/'
  hippo

A missing end of line stays missing:

  $ printf 'no end' | sed 's/no/an/'
  an end (no-eol)

An unfinished command is a mistake:

  $ echo x | sed 's/x'
  sed: -e expression #1, char 3: unterminated `s' command
  [1]

awk
---

  $ awk -F'\t' '{ print $1 }' people
  ada
  grace
  alan
  edsger
  $ awk -F'\t' '$2 > 1900 { n++ } END { print n }' people
  3
  $ awk -F'\t' '{ city[$3]++ } END { for (c in city) print city[c], c }' people | sort
  1 new york
  1 rotterdam
  2 london

Formatting:

  $ awk -F'\t' '{ printf "%-8s|%6d|\n", $1, $2 }' people
  ada     |  1815|
  grace   |  1906|
  alan    |  1912|
  edsger  |  1930|

Variables from outside:

  $ awk -v n=3 'BEGIN { for (i = 1; i <= n; i++) printf "%d ", i * i }'
  1 4 9  (no-eol)

Functions of strings:

  $ echo 'The Quick' | awk '{ print length, toupper($1), substr($2, 2, 3), index($0, "Q") }'
  9 THE uic 5
  $ echo a1b22c333 | awk '{ n = gsub(/[0-9]+/, "#"); print n, $0 }'
  3 a#b#c#

An exit code of its own:

  $ awk 'BEGIN { exit 7 }'
  [7]

Records of several lines:

  $ printf 'a\nb\n\nc\n' | awk 'BEGIN { RS = "" } { print NR ": " $1 "-" $2 }'
  1: a-b
  2: c-

grep
----

  $ grep -c london people
  2
  $ grep -n rotter people
  4:edsger\t1930\trotterdam (esc)
  $ grep nobody people
  [1]
  $ grep x nowhere
  grep: nowhere: No such file or directory
  [2]
  $ grep -o '[0-9]\{4\}' people
  \d{4} (re)
  \d{4} (re)
  19?? (glob)
  1930
  $ grep -v -e ada -e alan people | cut -f 1
  grace
  edsger
  $ grep -E '^(ada|grace)' people | wc -l
  2
  $ echo 'a.b' | grep -F a.b
  a.b
  $ grep -w new people | cut -f 3
  new york
  $ printf 'bin\000ary\n' | grep bin
  grep: (standard input): binary file matches
  $ printf 'bin\000ary\n' | grep -a bin
  bin\x00ary (esc)
  $ grep -q ada people && echo found
  found
  $ grep '[' people
  grep: Invalid regular expression (?)
  grep: Unmatched [, [^, [:, [., or [= (?)
  [2]

sort and uniq
-------------

  $ printf '10\n9\n1\n' | sort
  1
  10
  9
  $ printf '10\n9\n1\n' | sort -n
  1
  9
  10
  $ printf '1K\n1M\n2\n' | sort -h
  2
  1K
  1M
  $ cut -f 3 people | sort | uniq -c | sort -rn | head -n 1
        2 london
  $ printf 'b\na\n' | sort -c
  sort: -:2: disorder: a
  [1]
  $ sort -t '	' -k 2,2nr people | cut -f 1 | tr '\n' ' '
  edsger alan grace ada  (no-eol)
  $ printf 'x\nx\ny\n' | uniq -d
  x
  $ printf '1.10\n1.9\n' | sort -V
  1.9
  1.10

cut, paste, join, tr
--------------------

  $ echo a:b:c | cut -d: -f 1,3
  a:c
  $ echo abcdef | cut -c 2-4
  bcd
  $ seq 4 | paste - -
  1\t2 (esc)
  3\t4 (esc)
  $ seq 4 | paste -sd+ | bc
  10
  $ printf '1 a\n2 b\n' > left; printf '2 x\n3 y\n' > right; join left right
  2 b x
  $ echo hello | tr a-y b-z
  ifmmp
  $ echo 'a  b   c' | tr -s ' '
  a b c
  $ echo 'a1b2' | tr -cd '0-9'
  12 (no-eol)
  $ printf 'x\r\n' | tr -d '\r' | od -c
  0000000   x  \n
  0000002
  $ printf 'one\ntwo\n' | rev
  eno
  owt

head, tail, tac, nl, fold
-------------------------

  $ seq 100 | head -n 2
  1
  2
  $ seq 100 | tail -n +99
  99
  100
  $ seq 3 | tac
  3
  2
  1
  $ printf 'a\n\nb\n' | nl
       1\ta (esc)
         
       2\tb (esc)
  $ echo abcdefgh | fold -w 3
  abc
  def
  gh
  $ echo 'one two three' | fmt -w 8
  one two
  three
  $ head -c 3 people; head -c 5 people
  adaada\t1 (no-eol) (esc)
  $ head -n 1 nowhere
  head: cannot open 'nowhere' for reading: No such file or directory
  [1]

comm and diff
-------------

  $ seq 1 3 > a; seq 2 4 > b; comm a b
  1
  \t\t2 (esc)
  \t\t3 (esc)
  \t4 (esc)
  $ diff a b
  1d0
  < 1
  3a3
  > 4
  [1]
  $ diff -u a b
  --- a\t* (glob)
  +++ b\t* (glob)
  @@ -1,3 +1,3 @@
  -1
   2
   3
  +4
  [1]
  $ diff -u a b > ab.patch; patch a ab.patch && cmp a b
  patching file a
  $ cmp a people
  a people differ: char 1, line 1
  [1]

Bytes
-----

  $ printf '\001\377' | od -An -tx1
   01 ff
  $ printf 'a\tb\001\n' | cat -A
  a^Ib^A$
  $ printf '\303\251\n'
  \xc3\xa9 (esc)
  $ printf 'bell\a\n'
  bell\x07 (esc)
  $ echo hello | sha256sum | cut -c 1-8
  5891b5b5
  $ printf hello | base64
  aGVsbG8=
  $ echo aGVsbG8= | base64 -d
  hello (no-eol)
  $ printf abc | md5sum
  900150983cd24fb0d6963f7d28e17f72  -
  $ echo 'not base64!' | base64 -d > /dev/null
  base64: invalid input
  [1]
  $ yes | head -c 1000000 | wc -c
  1000000
  $ printf '%s\n' 1 2 3 | xargs echo
  1 2 3
  $ printf 'a b\0c\0' | xargs -0 -n 1 echo -
  - a b
  - c
  $ seq 3 | xargs -I{} sh -c 'exit 1'
  [123]

Conversions
-----------

  $ echo 'ibase=16; FF' | bc
  255
  $ printf '%x %o %e\n' 255 8 12345.678
  ff 10 1.234568e+04
  $ numfmt --to=iec 1048576
  1.0M
  $ date -u -d @0 +%FT%T
  1970-01-01T00:00:00
  $ factor 360
  360: 2 2 2 3 3 5
  $ expr 3 + 4 \* 2
  11
  $ expr 0
  0
  [1]
  $ seq -w 8 10
  08
  09
  10
  $ seq 0 0.5 1
  0.0
  0.5
  1.0
