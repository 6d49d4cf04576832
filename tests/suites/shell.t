The shell of Cram documents
===========================

/bin/sh, which is dash in Debian: one process for everything below.

  $ x=1
  $ echo $x
  1
  $ f() { echo "f: $*"; return 3; }
  $ f a b
  f: a b
  [3]
  $ set -- one two three
  $ echo $# $2
  3 two
  $ shift; echo $1
  two
  $ umask 077; umask
  0077
  $ cd / && pwd
  /
  $ cd "$OLDPWD" && basename "$PWD"
  shell.t

Compound commands go over several lines:

  $ for i in 1 2 3
  > do
  >   echo "line $i"
  > done
  line 1
  line 2
  line 3
  $ if test "$x" = 1
  > then echo one
  > else echo other
  > fi
  one
  $ case $x in
  > 1) echo matched;;
  > *) echo not;;
  > esac
  matched
  $ while read -r a b
  > do echo "$b $a"
  > done <<END
  > hello world
  > second line
  > END
  world hello
  line second

A here-document with blanks in front and no variables:

  $ cat <<'END'
  >   $x stays
  > 
  > END
    $x stays
  
  $ cat <<END
  > x is $x
  > END
  x is 1

Both streams, in order:

  $ echo out; echo err >&2; echo out again
  out
  err
  out again

Exit codes:

  $ true
  $ false
  [1]
  $ true | false
  [1]
  $ false | true
  $ ! true
  [1]
  $ nosuchcommand
  *nosuchcommand: not found (glob)
  [127]
  $ ./shell.t.nowhere
  .*not found (re)
  [127]
  $ : > plain; ./plain
  .*Permission denied (re)
  [126]
  $ (exit 255)
  [255]
  $ test -d /nowhere || echo no
  no

Output without a final newline is told, and the next command is not confused by it:

  $ printf 'no end'
  no end (no-eol)
  $ printf 'a\nb'
  a
  b (no-eol)
  $ echo next
  next

What looks like a command or a code in the output:

  $ echo '$ echo x'
  \x24 echo x (esc)
  $ echo '> more'
  \x3e more (esc)
  $ echo '[2]'
  \[2\] (re)

Expansions:

  $ y=path/to/file.txt
  $ echo ${y##*/} ${y%.txt} ${#y} ${z:-default} ${y%%/*}
  file.txt path/to/file 16 default path
  $ echo "$(echo nested "$(echo deeper)")"
  nested deeper
  $ echo $((7 * 6)) $((7 / 2)) $((1 << 4))
  42 3 16
  $ touch g1 g2; echo g?
  g1 g2
  $ echo nothing-like-*
  nothing-like-*
  $ IFS=:; set -- a:b $y; unset IFS; echo $#
  2
  $ echo 'single $x' "double $x" plain\ $x
  single $x double 1 plain 1
  $ echo ~root
  /root
  $ printf '%s|' "$@" x
  a:b|path/to/file.txt|x| (no-eol)

Errors of the shell, in a subshell that they end:

  $ (echo ${nothing:?is not set})
  *nothing: is not set (glob)
  [2]
  $ (set -u; echo "$nothing")
  *nothing: parameter not set (glob)
  [2]

Redirections:

  $ echo a > r; echo b >> r; cat < r
  a
  b
  $ cat r nowhere 2>/dev/null
  a
  b
  [1]
  $ { echo 1; echo 2 >&2; } 2>&1 >/dev/null | cat
  2
  $ exec 3> kept; echo kept >&3
  $ exec 3>&-; cat kept
  kept
  $ set -C; echo x > r
  *cannot create r: File exists (glob)
  [2]
  $ set +C

Jobs:

  $ sleep 0.05 & wait $!
  $ (exit 9) & wait $!
  [9]
  $ trap 'echo caught' USR1; kill -USR1 $$; trap - USR1
  caught

Options stay until they are taken back:

  $ set -f; echo *
  *
  $ set +f; echo r*
  r
  $ set -v
  $ set +v
  set +v (?)

Aliases are expanded, because the commands are read one after the other:

  $ alias hi='echo hello'
  $ hi there
  hello there
  $ unalias hi
  $ hi
  *hi: not found (glob)
  [127]

The environment that every document has:

  $ echo "$LANG $LC_ALL $LANGUAGE $TZ $COLUMNS <$CDPATH><$GREP_OPTIONS>"
  C C C GMT 80 <><>
  $ echo "$TESTFILE $TESTSHELL"
  shell.t /bin/sh
  $ test -d "$TESTDIR" && test -d "$CRAMTMP" && test "$TMPDIR" = "$TMP" && echo directories
  directories
  $ export PASSED=on; sh -c 'echo $PASSED'
  on
  $ PASSED=once sh -c 'echo $PASSED'; echo $PASSED
  once
  on
  $ command -v f; type cd
  f
  cd is a shell builtin
  $ eval 'v="from eval"'; echo "$v"
  from eval
  $ readonly FIXED=1; (FIXED=2) 2>&1
  *FIXED: is read only (glob)
  [2]
  $ getopts ab: opt -b value; echo "$opt $OPTARG"
  b value
  $ x=$(printf 'trailing\n\n'); echo "<$x>"
  <trailing>
  $ echo done
  done
