# For the tests of the language: sourced by them.
failed=0
passed=0

# script CODE TEXT [OPTION...]: the script on stdin ends the run with CODE, and TEXT is in the report; without a TEXT only the
# code counts. `also` and `never` look at the same report.
script() {
  want=$1 text=$2
  shift 2
  cat >t.txt
  "$TESTCTR" run "$@" builtin t.txt >report 2>&1 </dev/null
  got=$?
  if [ "$got" != "$want" ]; then
    wrong "exit $got, not $want"
  elif ! grep -qF -e "$text" report; then
    wrong "the report does not say: $text"
  else
    passed=$((passed + 1))
  fi
}

also() {
  if grep -qF -e "$1" report; then passed=$((passed + 1)); else wrong "the report does not say: $1"; fi
}

never() {
  if grep -qF -e "$1" report; then wrong "the report says: $1"; else passed=$((passed + 1)); fi
}

wrong() {
  failed=$((failed + 1))
  echo "wrong: $1"
  head -40 t.txt report
}

finish() {
  echo "$passed passed, $failed failed, 0 skipped"
  [ "$failed" = 0 ]
  exit
}

need_containers() {
  [ "$(id -u)" = 0 ] || unshare --user --map-root-user true 2>/dev/null && return 0
  echo "skipped, because this user may not make user namespaces here"
  exit 77
}
