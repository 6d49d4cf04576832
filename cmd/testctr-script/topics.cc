// The help topics.
#include "commands.h"

namespace testctr::cmd {
namespace {

constexpr std::string_view exit_codes = R"(Exit codes

    0  every script passed or was skipped
    1  a test failed
    2  the command line or a script could not be understood
    3  infrastructure: an image, the sandbox, this machine; worth another try
    4  nothing was selected to run
    5  a defect of testctr-script itself; please report it
  124  the time limit of the whole run was reached
  130  interrupted (SIGINT)
  143  terminated (SIGTERM)

Where several hold, the first of 130/143, 124, 5, 1, 2, 3, 4 is given. A script that reached its own time limit has failed: 1.
)";

constexpr std::string_view formats = R"(Formats

  .txt .txtar     a script: a txtar archive whose comment is the script; `help script` describes it
  .md .scrut      Scrut Markdown documents: not supported yet
  .t .cram        Cram documents: not supported yet

A file of another extension is refused unless `--format script` says what it is.

A named folder gives the .txt and .txtar files that lie directly in it, in the order of their names. Everything else in it that is not a
folder (other files, FIFOs, devices) is passed over and counted in the summary as "not tests"; names that begin with a dot are not looked
at, and Cram and Scrut documents, in folders below too, are told of in a line of their own.

Reports: `--json` writes one JSON object a line to standard output in place of the text; each has "version", "type", "script" and
"time_ns"; bytes that are not UTF-8 are {"base64": "..."}. `--junit FILE` writes JUnit XML, `--tap` TAP 14 to standard output.
)";

constexpr std::string_view images = R"(Images

  builtin              a small one inside this program: busybox and bash; works with nothing installed
  hostfs               this machine's own root, read-only, with what is written kept in memory
  NAME[:TAG][@DIGEST]  one from the store (`testctr-script image load --tag NAME:TAG SOURCE`)
  oci:DIR[:TAG]        an OCI image layout
  oci-archive:FILE     the same as a tar archive, plain or compressed
  docker-archive:FILE  what `docker save` and `podman save` write
  dir:ROOTFS           a directory that is a root file system

Of two or more arguments of `run` the first is the image, unless it begins with `.` or `/` or has the extension of a script.
`builtin`, `hostfs` and words with one of the prefixes above are images whatever lies here (`./builtin` is the file). Any other word that
could be an image in the store and also names a file or folder that exists is refused: `./NAME` is the file, `NAME:latest` the image.
)";

constexpr std::string_view script = R"(Scripts

  # build and run                      begins a phase
  exec go version                      runs a program; it must succeed
  stdout 'go version'                  the last output must match this regular expression (RE2)
  ! exec go vet ./bad                  must fail; `? exec ...` may fail
  stderr 'missing return'
  [!exec:git] skip 'no git here'       a condition; `!` negates it
  cmp out.txt want.txt                 the files must be equal
  -- want.txt --                       what follows are files, put below $WORK before the script begins
  hello

Words are separated by blanks. 'Single quotes' keep blanks and stop expansion ('' is one quote); $NAME and ${NAME} are replaced by the
environment's values, in one word. A # outside quotes begins a comment. A line that ends in & runs in the background until `wait`.

Commands: cat cd chmod cmp cmpenv cp echo env exec exists grep help mkdir mv replace rm skip sleep stderr stdout stop symlink wait
(a line `help -v` in a script writes what each takes). Conditions: [exec:PROGRAM] [root] [net] [short] [verbose] [link] [symlink] [unix],
[GOOS:NAME] [GOARCH:NAME] and the names of systems and architectures by themselves ([linux] [amd64]).

A script starts in $WORK, a fresh writable folder; $TREE is the test tree (the script's folder, or `--tree DIR`).
)";

constexpr Topic all[] = {
    {"exit-codes", "what the exit codes mean", exit_codes},
    {"formats", "the kinds of files that are read and written", formats},
    {"images", "what can be named as an image", images},
    {"script", "the script language in short", script},
};

}  // namespace

std::span<const Topic> topics() { return all; }

}  // namespace testctr::cmd
