// Everything here runs in a shell that a case has had its way with: options, aliases and functions of its
// own. So builtins are called by `builtin` (quoted, as aliases are expanded when a file is read), and nothing
// depends on IFS, globbing or an option.
#include "interpret/shell_text.h"

#include "base/text.h"

namespace testctr::interpret {

const std::string state_end = "# whole";

namespace {

/// `text` with every "@T" as the control directory, quoted.
std::string placed(std::string_view text, const std::string& control) {
  const std::string quoted = text::shell_quoted(control);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = text.find("@T", at);
    out += text.substr(at, next == std::string_view::npos ? next : next - at);
    if (next == std::string_view::npos) break;
    out += quoted;
    at = next + 2;
  }
  return out;
}

// A case's EXIT trap is kept aside, since ours has to stay; all other traps are the shell's own business, and
// are noted for a standby, where they do not exist any more. A RETURN trap must not take the end of this
// function for that of its own, nor the end of a case (a file that is sourced from where no function is); nor
// may an ERR trap see a case fail once more as a whole. (`case` leaves `$?` as it is.)
constexpr std::string_view bash_init = R"sh(\builtin shopt -s expand_aliases
function trap {
  local __testctr_action __testctr_signal __testctr_own= __testctr_code=0 __testctr_rest
  if [[ $BASH_SUBSHELL -ne 0 && ( $# -eq 0 || $1 = -p ) ]]; then
    __testctr_rest=$(builtin trap "$@") || __testctr_code=$?
    if [[ $__testctr_rest = "trap -- '. @T/leave' EXIT"* ]]; then
      __testctr_rest=${__testctr_rest#*EXIT}
      if [[ -n ${__testctr_exit-} ]]; then
        __testctr_rest=$(builtin trap -- "$__testctr_exit" EXIT; builtin trap -p EXIT; builtin trap - EXIT)$__testctr_rest
      else
        __testctr_rest=${__testctr_rest#$'\n'}
      fi
    fi
    if [[ -n $__testctr_rest ]]; then builtin printf '%s\n' "$__testctr_rest"; fi
    return $__testctr_code
  fi
  if [[ $BASH_SUBSHELL -ne 0 || ${1-} = -l ]]; then
    builtin trap "$@"
    return
  fi
  __testctr_rest=()
  if [[ $# -eq 0 || $1 = -p ]]; then
    builtin trap - EXIT
    if [[ -n ${__testctr_exit-} ]]; then builtin trap -- "$__testctr_exit" EXIT; fi
    builtin trap "$@" || __testctr_code=$?
    builtin trap '. @T/leave' EXIT
    return $__testctr_code
  fi
  if [[ $1 = -- ]]; then shift; fi
  if [[ $# -le 1 ]]; then __testctr_action=-; else
    __testctr_action=$1
    shift
  fi
  for __testctr_signal; do
    case $__testctr_signal in
      EXIT | exit | SIGEXIT | 0) __testctr_own=1 ;;
      RETURN | return | ERR | err)
        case $__testctr_action in
          - | '' | 'case ${FUNCNAME-} in'* | 'case ${BASH_SOURCE-} in'*) ;;
          *)
            case $__testctr_signal in
              [Rr]*) __testctr_action="case \${FUNCNAME-} in '' | trap) ;; *)
$__testctr_action
;; esac" ;;
              *) __testctr_action="case \${BASH_SOURCE-} in '') ;; *)
$__testctr_action
;; esac" ;;
            esac ;;
        esac
        __testctr_rest+=("$__testctr_signal") ;;
      DEBUG | debug)
        if [[ $__testctr_action = - ]]; then unset __testctr_debug; else __testctr_debug=$__testctr_action; fi
        __testctr_rest+=("$__testctr_signal") ;;
      *) __testctr_rest+=("$__testctr_signal") ;;
    esac
  done
  if [[ -n $__testctr_own ]]; then
    if [[ $__testctr_action = - || -z $__testctr_action ]]; then unset __testctr_exit; else
      __testctr_exit=$__testctr_action
    fi
  fi
  if [[ ${#__testctr_rest[@]} -ne 0 ]]; then
    builtin trap -- "$__testctr_action" "${__testctr_rest[@]}" || __testctr_code=$?
    builtin trap - EXIT
    builtin trap -p >|@T/traps
    builtin trap '. @T/leave' EXIT
  fi
  return $__testctr_code
}
\builtin trap '. @T/leave' EXIT
)sh";

// First the state: the case's own trap may end the shell for good. A shell that ends by `set -e` has left the
// case's redirections by now - its input is ours again, a pipe - and what the trap prints is the case's
// still.
constexpr std::string_view bash_leave = R"sh(__testctr_code=$?
. @T/dump 2>/dev/null
if [[ -n ${__testctr_exit-} ]]; then
  if [[ ! -p /dev/fd/0 && ! -p /proc/self/fd/0 ]]; then
    (builtin exit $__testctr_code)
    builtin eval "$__testctr_exit"
  elif [[ -n ${__testctr_apart-} ]]; then
    (builtin exit $__testctr_code)
    builtin eval "$__testctr_exit" </dev/null >@T/out 2>@T/err
  else
    (builtin exit $__testctr_code)
    builtin eval "$__testctr_exit" </dev/null >@T/out 2>&1
  fi
fi
)sh";

// No command substitution: it would be a process each.
constexpr std::string_view bash_dump = R"sh(\builtin trap - DEBUG ERR RETURN
\builtin set +o >|@T/set
\builtin shopt -p >>@T/set
\builtin set +efuvxC
\builtin set +o posix
\builtin shopt -u expand_aliases
while builtin read -r __testctr_i; do builtin printf 'builtin %s\n' "$__testctr_i"; done <@T/set >@T/options
{
  for ((__testctr_i = ${#DIRSTACK[@]} - 1; __testctr_i >= 0; --__testctr_i)); do
    if ((__testctr_i == ${#DIRSTACK[@]} - 1)); then builtin printf 'cd -- %q\n' "${DIRSTACK[__testctr_i]/#\~/$HOME}"
    else builtin printf 'pushd %q\n' "${DIRSTACK[__testctr_i]/#\~/$HOME}"; fi
  done
  builtin umask -p
  for __testctr_i in c d e f i l m n q r s t u v x; do
    for __testctr_v in S H; do
      if builtin ulimit -$__testctr_v -$__testctr_i >|@T/set 2>/dev/null; then
        builtin read -r __testctr_n <@T/set
        builtin printf 'ulimit -%s -%s %s\n' $__testctr_v $__testctr_i "$__testctr_n"
      fi
    done
  done
  for __testctr_i in {a..z} {A..Z} _; do
    builtin eval "__testctr_names=(\"\${!$__testctr_i@}\")"
    for __testctr_n in "${__testctr_names[@]}"; do
      case $__testctr_n in
        __testctr_[ev][0-9]* | __testctr_debug) ;;
        __testctr_* | _ | BASH | BASHOPTS | BASHPID | BASH_ALIASES | BASH_ARG* | BASH_CMDS | BASH_COMMAND | \
          BASH_EXECUTION_STRING | BASH_LINENO | BASH_LOADABLES_PATH | BASH_MONOSECONDS | BASH_REMATCH | BASH_SOURCE | \
          BASH_SUBSHELL | BASH_TRAPSIG | BASH_VERSINFO | BASH_VERSION | COMP_WORDBREAKS | COPROC | DIRSTACK | \
          EPOCHREALTIME | EPOCHSECONDS | EUID | FUNCNAME | GROUPS | HISTCMD | LINENO | PIPESTATUS | PPID | PWD | \
          RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID) continue ;;
      esac
      builtin declare -p "$__testctr_n"
    done
  done
  builtin declare -p >@T/declared
  while builtin read -r __testctr_i __testctr_v __testctr_n; do
    case $__testctr_n in
      __testctr_* | BASH* | COMP_WORDBREAKS | EPOCH* | FUNCNAME | HISTCMD | LINENO | RANDOM | SECONDS | SRANDOM) continue ;;
    esac
    if [[ $__testctr_i = declare && $__testctr_n =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]]; then
      builtin declare -p -- "$__testctr_n"
    fi
  done <@T/declared
  for __testctr_i in HOSTNAME IFS OLDPWD OPTERR OPTIND PATH PS4 SHELL TERM; do
    if [[ -z ${!__testctr_i+x} ]]; then builtin printf 'unset %s\n' $__testctr_i; fi
  done
  builtin printf '%s\n' 'shopt -s extglob'
  builtin declare -F >@T/functions
  while builtin read -r __testctr_i __testctr_v __testctr_n; do
    if [[ $__testctr_n = trap ]]; then continue; fi
    builtin declare -f -- "$__testctr_n"
    if [[ $__testctr_v != -f ]]; then builtin printf '%s\n' "builtin declare $__testctr_v $__testctr_n"; fi
  done <@T/functions
  builtin alias -p
  __testctr_v=
  for __testctr_i in "${FUNCNAME[@]}"; do
    if [[ $__testctr_i != source && $__testctr_i != main ]]; then __testctr_v=1; fi
  done
  if [[ -z $__testctr_v ]]; then
    builtin printf 'builtin set --'
    if [[ $# -gt 0 ]]; then builtin printf ' %q' "$@"; fi
    builtin printf '\n'
  fi
  builtin printf '%s\n' 'if [ -e @T/traps ]; then builtin . @T/traps; fi' '__testctr_whole=1' 'builtin . @T/options' '# whole'
} >@T/state
)sh";

// As records whose fields end with NUL, for `shell_state_from_bash`. Read in a fork: nothing has to be left
// as it was.
constexpr std::string_view bash_cross = R"sh(\builtin trap - DEBUG ERR RETURN EXIT
\builtin set +o >|@T/set
\builtin set +efuvxC
\builtin shopt -p >>@T/set
\builtin set +o posix
\builtin shopt -u expand_aliases
IFS=$' \t\n'
{
  builtin printf 'D\0%s\0' "$PWD"
  builtin umask >|@T/one
  builtin read -r __testctr_i <@T/one
  builtin printf 'U\0%s\0' "$__testctr_i"
  while builtin read -r __testctr_i; do builtin printf 'O\0%s\0' "$__testctr_i"; done <@T/set
  for __testctr_i in {a..z} {A..Z} _; do
    builtin eval "__testctr_names=(\"\${!$__testctr_i@}\")"
    for __testctr_n in "${__testctr_names[@]}"; do
      case $__testctr_n in
        __testctr_* | _ | BASH* | COMP_WORDBREAKS | COPROC | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD | IFS | \
          LINENO | OPT* | PIPESTATUS | PPID | PWD | RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID) continue ;;
      esac
      builtin declare -p "$__testctr_n" >|@T/one 2>/dev/null || continue
      builtin read -r __testctr_d __testctr_a __testctr_d <@T/one
      case $__testctr_a in
        *[aA]*)
          builtin eval "__testctr_k=(\"\${!$__testctr_n[@]}\"); __testctr_v=(\"\${$__testctr_n[@]}\")"
          builtin printf 'A\0%s\0%s\0%s\0' "$__testctr_a" "$__testctr_n" "${#__testctr_k[@]}"
          for __testctr_d in "${!__testctr_k[@]}"; do
            builtin printf '%s\0%s\0' "${__testctr_k[__testctr_d]}" "${__testctr_v[__testctr_d]}"
          done ;;
        *) builtin printf 'V\0%s\0%s\0%s\0' "$__testctr_a" "$__testctr_n" "${!__testctr_n}" ;;
      esac
    done
  done
  builtin declare -F >|@T/functions
  while builtin read -r __testctr_i __testctr_a __testctr_n; do
    if [[ $__testctr_n = trap ]]; then continue; fi
    builtin printf 'F\0%s\0%s\0' "$__testctr_a" "$__testctr_n"
    builtin declare -f -- "$__testctr_n"
    builtin printf '\0'
  done <@T/functions
  for __testctr_n in "${!BASH_ALIASES[@]}"; do
    builtin printf 'L\0%s\0%s\0' "$__testctr_n" "${BASH_ALIASES[$__testctr_n]}"
  done
  builtin printf 'P\0%s\0' "$#"
  for __testctr_n; do builtin printf '%s\0' "$__testctr_n"; done
  builtin printf 'E\0'
} >|@T/crossing
)sh";

// `set` and the like quote what they print; `shell_state_from_posix` reads it.
constexpr std::string_view posix_cross = R"sh(\trap - EXIT
set +o >|@T/options
set +eufvxC
set >|@T/variables
export -p >|@T/exports
alias >|@T/aliases
)sh";

constexpr std::string_view posix_init = "trap '. @T/leave' EXIT\n";
constexpr std::string_view posix_leave = ". @T/dump 2>/dev/null\n";
// Neither dash nor busybox's shell can write functions down.
constexpr std::string_view posix_dump = R"sh(set +o >|@T/options
set +eufvxC
set >@T/variables
export -p >@T/exports
readonly -p >@T/readonly
alias >@T/aliases
{
  printf '. @T/variables\n. @T/exports\ncd "$PWD"\n'
  while IFS= read -r __testctr_l; do
    case $__testctr_l in
      alias\ *) printf '%s\n' "$__testctr_l" ;;
      *=*) printf 'alias %s\n' "$__testctr_l" ;;
    esac
  done <@T/aliases
  printf 'umask %s\n. @T/readonly\n__testctr_whole=1\n. @T/options\n# whole\n' "$(umask)"
} >@T/state
)sh";

}  // namespace

ShellTexts shell_texts(ShellKind kind, const std::string& control) {
  const bool bash = kind == ShellKind::bash;
  return {placed(bash ? bash_init : posix_init, control), placed(bash ? bash_leave : posix_leave, control),
          placed(bash ? bash_dump : posix_dump, control)};
}

std::string shell_cross_text(ShellKind kind, const std::string& control) {
  return placed(kind == ShellKind::bash ? bash_cross : posix_cross, control);
}

}  // namespace testctr::interpret
