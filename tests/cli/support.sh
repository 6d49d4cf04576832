# For the tests of the command line: sourced by them.
failed=0
passed=0
skipped=0

# expect CODE TEXT COMMAND...: the command exits with CODE, and TEXT is in what it says on stderr (stdout for codes 0 and 1).
expect() {
  want=$1 text=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  said=err
  case $want in 0 | 1) said=out ;; esac
  if [ "$got" != "$want" ]; then
    echo "wrong: exit $got, not $want: $*"
    head -50 out err
  elif ! grep -qF -e "$text" "$said"; then
    echo "wrong: std$said does not say: $text"
    echo "       of: $*"
    head -50 out err
  elif [ "$want" = 2 ] && [ -s out ]; then
    echo "wrong: a usage error wrote to stdout: $*"
    head -50 out
  else
    passed=$((passed + 1))
    return 0
  fi
  failed=$((failed + 1))
  return 1
}

# also TEXT: it was said on stderr by the last command of `expect` as well.
also() {
  if grep -qF -e "$1" err; then
    passed=$((passed + 1))
  else
    echo "wrong: stderr does not say: $1"
    head -50 err
    failed=$((failed + 1))
  fi
}

# Ends the test program.
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
  exit
}

# Ends it when this machine cannot make containers at all.
need_containers() {
  [ "$(id -u)" = 0 ] || unshare --user --map-root-user true 2>/dev/null && return 0
  echo "skipped, because this user may not make user namespaces here"
  exit 77
}
