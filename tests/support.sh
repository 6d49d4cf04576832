# For test programs in sh and bash: sourced by them.
failed=0
passed=0
skipped=0
said=err

# expect CODE TEXT COMMAND...: the command exits with CODE, and TEXT is in what it says on stderr (stdout for codes 0 and 1).
expect() {
  want=$1 text=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  said=err where=err
  case $want in 0 | 1) where=out ;; esac
  if [ "$got" != "$want" ]; then
    wrong "exit $got, not $want: $*"
  elif ! grep -qF -e "$text" "$where"; then
    wrong "std$where does not say: $text; of: $*"
  elif [ "$want" = 2 ] && [ -s out ]; then
    wrong "a usage error wrote to stdout: $*"
  else
    passed=$((passed + 1))
    return 0
  fi
  return 1
}

# script CODE TEXT [OPTION...]: the script on stdin ends its run with CODE, and TEXT is in what is said; without a TEXT only the
# code counts.
script() {
  want=$1 text=$2
  shift 2
  cat >t.txt
  "$TESTCTR" run "$@" builtin t.txt >out 2>&1 </dev/null
  got=$?
  said=out
  : >err # what it wrote there is in `out` as well
  if [ "$got" != "$want" ]; then
    wrong "exit $got, not $want: $(cat t.txt)"
  elif ! grep -qF -e "$text" out; then
    wrong "the report does not say: $text: $(cat t.txt)"
  else
    passed=$((passed + 1))
  fi
}

# also TEXT: the last `expect` said it on stderr as well, the last `script` in its report.
also() {
  if grep -qF -e "$1" "$said"; then passed=$((passed + 1)); else wrong "std$said does not say: $1"; fi
}

# never TEXT: it did not.
never() {
  if grep -qF -e "$1" "$said"; then wrong "std$said says: $1"; else passed=$((passed + 1)); fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
  what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else wrong "$what"; fi
}

wrong() {
  failed=$((failed + 1))
  echo "wrong: $1"
  head -50 out err
}

# Ends the test program.
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
  exit
}

# shares_folders: whether folders of this machine can be mounted in containers, as --mount does and tests in several places need.
# Without id-mapped mounts root cannot.
shares_folders() { ! "$TESTCTR" doctor 2>/dev/null | grep -qF 'root without id-mapped mounts'; }

unshared='root has no id-mapped mounts here, and without them no folder is mounted in a container'

# skip WHY: a case is left out.
skip() {
  skipped=$((skipped + 1))
  echo "skipped, because $*"
}

# Ends the test program where folders cannot be mounted.
need_shared_folders() {
  shares_folders && return 0
  echo "skipped, because $unshared"
  exit 77
}

# Ends it when this machine cannot make containers at all.
need_containers() {
  [ "$(id -u)" = 0 ] || unshare --user --map-root-user true 2>/dev/null && return 0
  echo "skipped, because this user may not make user namespaces here"
  exit 77
}
