// `completion`: the functions by which shells complete command lines. They ask this program (complete.h), so
// that they know what it knows: its commands and options, the tests of the manifest, the images of the store.
#include <map>

#include "base/text.h"
#include "commands.h"

namespace testctr::cmd {
namespace {

// COMP_WORDS is broken at `=` and `:`, which belong to our words: what stands together is put together again,
// and of the candidates only what is behind the last break is given back.
constexpr std::string_view bash =
    R"SH(# Completion of testctr-script for bash: source <(testctr-script completion bash)
_testctr_script() {
  local line=$COMP_LINE word i at rest cur head
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    rest=${line#"${line%%[![:blank:]]*}"}
    if ((i > 0)) && [[ $rest == "$line" && -n $word ]] && ((${#words[@]} > 1 || i > 1)); then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    line=${rest#"$word"}
  done
  cur=${words[${#words[@]}-1]}
  cur=${cur#[\"\']} cur=${cur//\\/}
  words[${#words[@]}-1]=$cur
  for ((i = 1; i < ${#words[@]} - 1; ++i)); do
    case ${words[i]} in
      \"*\" | \'*\') words[i]=${words[i]:1:${#words[i]}-2} ;;
      *) words[i]=${words[i]//\\/} ;;
    esac
  done
  head=${cur%"${cur##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r word; do
    case $word in
      :none) ;;
      ":files "* | ":dirs "*)
        at=${word#* }
        compopt -o filenames 2>/dev/null
        [[ $word == :dirs* ]] && rest=-d || rest=-f
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$rest" -- "${cur#"$at"}")
        ;;
      *)
        word=${word%%$'\t'*}
        [[ $word == *[=:/] ]] && compopt -o nospace 2>/dev/null
        word=${word#"$head"}
        [[ $word == *[![:alnum:]@%+=:,./_-]* ]] && printf -v word %q "$word"
        COMPREPLY+=("$word")
        ;;
    esac
  done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _testctr_script testctr-script
)SH";

constexpr std::string_view zsh = R"SH(#compdef testctr-script
# Completion of testctr-script for zsh: a file _testctr-script in a folder of $fpath, or
# source <(testctr-script completion zsh) behind compinit.
_testctr-script() {
  local line word also
  local -a asked candidates shown open
  asked=("${(@Q)words[2,CURRENT]}")
  asked[-1]=${(Q)PREFIX}
  for line in "${(@f)$(${(Q)words[1]/#\~/$HOME} __complete "${asked[@]}" 2>/dev/null)}"; do
    case $line in
      :none) ;;
      ':files '* | ':dirs '*) also=$line ;;
      *$'\t'*)
        word=${line%%$'\t'*}
        if [[ $word == *[=:/] ]]; then
          open+=("$word")
        else
          candidates+=("$word")
          shown+=("$word${${line#*$'\t'}:+  ${line#*$'\t'}}")
        fi
        ;;
    esac
  done
  local found=1
  (( $#candidates )) && compadd -l -d shown -a candidates && found=0
  (( $#open )) && compadd -S '' -a open && found=0
  if [[ -n $also ]]; then
    [[ -n ${also#* } ]] && compset -P "${(q)also#* }"
    if [[ $also == ':dirs '* ]]; then _files -/ && found=0; else _files && found=0; fi
  fi
  return found
}
if [[ ${funcstack[1]} == _testctr-script ]]; then
  _testctr-script "$@"
else
  compdef _testctr-script testctr-script
fi
)SH";

constexpr std::string_view fish =
    R"SH(# Completion of testctr-script for fish: testctr-script completion fish | source
function __testctr_script_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete $words[2..-1] (string unescape -- $word; or echo -- $word) 2>/dev/null)
        switch $line
            case ':none'
            case ':files *' ':dirs *'
                set -l before (string replace -r '^:\S* ' '' -- $line)
                set -l rest (string sub -s (math (string length -- "$before") + 1) -- "$word")
                for path in (__fish_complete_path "$rest")
                    string match -q ':dirs *' -- $line
                    and not string match -q '*/' -- (string split -f1 \t -- $path)
                    and continue
                    echo -- $before$path
                end
            case '*'
                echo -- $line
        end
    end
end
complete -c testctr-script -f -a '(__testctr_script_complete)'
)SH";

Result<int> run_completion(const Arguments& arguments) {
  static const std::map<std::string, std::string_view> functions{
      {"bash", bash}, {"zsh", zsh}, {"fish", fish}};
  const std::string& shell = arguments.positionals()[0];
  const auto found = functions.find(shell);
  if (found != functions.end()) {
    CHECK_OK(print(found->second));
    return exit_passed;
  }
  std::vector<std::string> names;
  for (const auto& [name, function] : functions) names.push_back(name);
  Error error =
      Error::usage(fmt::format("completion: {} is none of {}", text::quoted(shell), text::join(names, ", ")));
  if (const std::optional<std::string> near = text::nearest(shell, names))
    return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
  return error;
}

const Registration completion({
    .name = "completion",
    .rank = 890,
    .summary = "print what makes a shell complete command lines",
    .synopsis = "bash|zsh|fish",
    .examples = "source <(testctr-script completion bash)\n"
                "testctr-script completion zsh > ~/.zfunc/_testctr-script\n"
                "testctr-script completion fish > ~/.config/fish/completions/testctr-script.fish\n",
    .min_positionals = 1,
    .max_positionals = 1,
    .text =
        "Commands and options with their values, tests (-t) and tags of the manifest that is meant, images "
        "of "
        "the store, files. The first line goes\ninto ~/.bashrc; the folder of the second has to be in $fpath "
        "before compinit. `make install` puts all three in place.\n",
    .run = run_completion,
});

}  // namespace
}  // namespace testctr::cmd
