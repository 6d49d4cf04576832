// The help topics.
#include "commands.h"
#include "topic_reports.h"
#include "topic_suites.h"

namespace testctr::cmd {
namespace {

constexpr std::string_view exit_codes = R"(Exit codes

    0  every script and document passed or was skipped
    1  a test failed
    2  the command line, a script or a document could not be understood
    3  infrastructure: an image, the sandbox, this machine; worth another try
    4  nothing was selected to run
    5  a defect of testctr-script itself; please report it
    6  `replay`: what a bundle holds fails, but otherwise than recorded
  124  the time limit of the whole run was reached
  130  interrupted (SIGINT)
  143  terminated (SIGTERM)

`replay` says 0 for reproduced, 1 for not reproduced and 3 where a test could not be run to its end; with --as-test 125 says that it cannot tell.
Where several hold, the first of 130/143, 124, 5, 1, 2, 3, 4 is given. A script that reached its own time limit has failed: 1.
)";

constexpr std::string_view bundles = R"(Bundles

  testctr-script pack IMAGE FILE... -o bug.tar      a bundle: an OCI archive
  testctr-script pack -f testctr.yaml -t NAME -o bug.run    with this program in front: a program that replays itself
  testctr-script run ... --pack-on-failure DIR      one of each test that fails
  testctr-script replay bug.tar                     runs it again: reproduced (exit 0), not reproduced (1), differs (6), cannot tell (3)
  testctr-script bundle list|inspect|extract bug.tar        what is in it; of a .run file: ./bug.run list
  testctr-script push bug.tar REF                   to a registry; `replay REF` runs it from there

A bundle holds the images that its tests need, their layers as they are; a layer with this program, the test tree, programs (--bin), what is
mounted read-only, filters and the plan; and beside that content what came of the run, and on what machine. Not in it: artifacts, what may be
written to on this machine (a writable --mount, --work-directory: these cannot be packed), the values of secrets. Those are masked in all that is
told - as they are, in hex, in base64, as URLs write them -, and a file of the test tree that holds one is an error that names it. Shorter values than 4
bytes are not looked for.

The content is the same bytes wherever, whenever and by whomever it is packed from the same files; its digest is printed. Names of files are those
of the command line, so pack from the folder that the test lies in. Times are those of $SOURCE_DATE_EPOCH, 0 without it.

`reproduced` means that every test ended as recorded, those that failed at the same line for the same reason; `not reproduced` that one which failed
passes; `differs` that one fails otherwise, or that one which passed does not; `cannot tell` that one was not run to its end, since an image, the
engine or this machine is at fault. Errors are the same when their words are, but for paths and times. What its steps print may differ: the first difference is shown, and
so is every difference between the machines. --times N runs it N times and counts; --bin PATH=NAME puts a program of this machine in the place of
the bundle's; --as-test then asks the other question - 0: all pass, 1: one fails, 125: cannot tell -, which `git bisect run` understands. Lines that
run on the host do so with --allow-host alone, and so do tests that want the host's network or a filter of their own (--seccomp). A secret that a
test names is given to it with --secret NAME alone: a stranger's bundle could name any variable of yours. Its limits hold up to this machine's memory
(scratch space: 4 GiB where it has less) and processors, a fourth of the processes that it can have (32768 at most), 1 GiB of output of a command and
24 hours; what was lowered is told. A bundle that is cut or damaged is refused before anything of it runs.

pack --slim keeps of each image what the run touched, followed by the runner itself: the files that were opened or asked for, with links and
loaders, and of folders that were read the small files. What is left out is told. A replay that does something else may miss a file.

What `setup:` of a manifest has changed in an image is a layer of that in the bundle, so that a replay does not carry it out again; times that the clock
gave are those of the image, so that the same content gives the same bytes. A value of a secret in it is refused. A setup that fails is packed as a test.

Other tools run the test of a bundle in their own container, with our filter on top: `podman run oci-archive:bug.tar`, `docker load -i bug.tar` and
`docker run localhost/bug`. The report, and the exit code, are those of `run`; --json, --tap and -v may follow. Tests that need several containers, or
the host, are errors there. Docker before version 23 reads no zstd layers: uncompressed ones are added where these are no more than 64 MiB in
all, or with --plain-layers.
)";

constexpr std::string_view formats = R"(Formats

  .txt .txtar     a script: a txtar archive whose comment is the script; `help script` describes it
  .md .scrut      a Scrut Markdown document: shell commands in fences, with what they print; `help documents`
  .t .cram        a Cram document: shell commands in indented lines, with what they print; `help documents`

A file of another extension is refused unless `--format script|scrut|cram` says what it is.

A named folder gives the .txt and .txtar files that lie directly in it, and the documents in it and in all folders below, in the order
of their names; a Markdown file without a test in it is just text. Everything else that is not a folder (other files, FIFOs, devices) is
passed over and counted in the summary as "not tests"; names that begin with a dot are not looked at.

Reports: JSON lines, JUnit XML, TAP, CTRF, HTML; `help reports` has them all. `merge` reads JSON lines.
)";

constexpr std::string_view images = R"(Images

  builtin              a small one inside this program: busybox and bash; works with nothing installed
  hostfs               this machine's own root, read-only, with what is written kept in memory
  NAME[:TAG][@DIGEST]  one from the store, else from its registry (`testctr-script help registries`); with a digest, that decides
  docker://NAME        the same, said so
  oci:DIR[:NAME]       an OCI image layout
  oci-archive:FILE[:NAME]     the same as a tar archive, plain or compressed
  docker-archive:FILE[:NAME]  what `docker save` and `podman save` write
  dir:ROOTFS           a directory that is a root file system

Of two or more arguments of `run` the first is the image, unless it begins with `.` or `/` or has the extension of a script.
`builtin`, `hostfs` and words with one of the prefixes above are images whatever lies here (`./builtin` is the file). Any other word that
could be an image in the store and also names a file or folder that exists is refused: `./NAME` is the file, `NAME:latest` the image.

Of a layout or archive that holds several images one is named, by its full name, by that without docker.io/library, or by its tag alone.
`image save -o FILE NAME...` writes such an archive, `image save -f testctr.yaml -o FILE` all that a manifest needs; `image load` brings all of
it into another store, each image by its name. `image copy` takes one image from anywhere to anywhere, with its digest.

The store is $TESTCTR_HOME, else $XDG_DATA_HOME/testctr, else ~/.local/share/testctr. `--store-ro DIR` (TESTCTR_STORE_RO=DIR:DIR) puts further
stores beneath it that are only looked into, such as one for all jobs of a CI machine: images in them are run where they lie, and what is
loaded besides goes into the first one. As a rule they belong to the same user; of another user's store, who then must let it be read, the
blobs are taken and unpacked again.
)";

constexpr std::string_view registries = R"(Registries

A name that the store does not have is fetched from its registry: golang is docker.io/library/golang:latest, team/tool is docker.io/team/tool.
`--pull always` asks each time, `--pull never` only takes what is there; `--offline` (TESTCTR_OFFLINE=1) opens no socket at all.

Read as Podman and Skopeo read them; the first file of a line that exists counts:

  registries.conf   $CONTAINERS_REGISTRIES_CONF, $XDG_CONFIG_HOME/containers/, /etc/containers/; then the drop-ins of registries.conf.d:
                    aliases of short names, search order, mirrors, `blocked`, `insecure` (plain HTTP, or any certificate)
  policy.json       $XDG_CONFIG_HOME/containers/, /etc/containers/: what may be used at all; signatures are not verified here, and what
                    asks for them is refused
  passwords         --authfile or $REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json,
                    $DOCKER_CONFIG/config.json or ~/.docker/config.json with its helpers, ~/.dockercfg. `podman login` and `docker login` write them
  certificates      $XDG_CONFIG_HOME/containers/certs.d/HOST:PORT/, /etc/containers/certs.d/, /etc/docker/certs.d/ beside the system's list
                    ($SSL_CERT_FILE, $SSL_CERT_DIR)
  proxies           HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY

  testctr-script image pull NAME...           into the store
  testctr-script image push NAME [REF]        from the store to a registry
  testctr-script image copy SOURCE TARGET     from anywhere to anywhere
  testctr-script image save NAME... -o FILE   one file, to be carried; `image load oci-archive:FILE` takes it in
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
environment's values, in one word; ${NAME?} is an error when it is not set, and with --strict-env so is every other. A # outside quotes begins a comment.

  !2 exec prog                         must end with exit status 2
  status SIGSEGV                       how the last program ended: a number, or the signal that it died of
  capture PORT 'port (\d+)'            a variable from the last output: all of it, or the match (its first group)
  exec server &srv&                    in the background, with a name or (&) without
  waitfor stdout srv 'listening'       until it has written that; also: stderr NAME RE, file PATH, port N; [-timeout D] [!]
  kill -TERM srv                       a signal, KILL if none is named; then `wait srv`, whose output is the last one
  defer rm /tmp/lock                   when the script ends, also when it fails; the last one first
  retry -timeout 10s exec ./ready.sh   until it succeeds; of its attempts the last one is told
  timeout 2s exec prog                 within a time limit of its own
  stdin FILE                           what the next program reads; `stdin stdout` is what the last one wrote
  ttyin [-stdin] FILE                  gives it a terminal (/dev/tty, descriptor 3), where that is typed; ttyout RE looks at what it printed there

What still runs in the background at the script's end is stopped and told, unless a `?` stands before it; what is left behind beside it is killed
and named. A signal that `kill` has sent is no failure. `defer` keeps the variables and the directory of its line, and runs in that
line's place; not where the test is stopped from outside, by --timeout, --run-timeout or Ctrl-C.

Commands: capture cat cd chmod cmp cmpenv cp defer echo env exec exists grep help kill mkdir mv replace retry rm skip sleep status stderr stdin
stdout stop symlink testctr timeout ttyin ttyout unix2dos unquote wait waitfor (a line `help -v` in a script writes what each takes). Conditions:
[exec:PROGRAM] [env:NAME] (set, and not empty) [file:PATH] [root] [net] [short] [verbose] [link] [symlink] [unix], [GOOS:NAME] [GOARCH:NAME], the names
of systems and architectures by themselves ([linux] [amd64]), and what --cond NAME=true or `conditions:` in a manifest gives.

`run --update` writes into a script's files what `cmp` compares them with (`help update`); `check` warns of lines that hardly do what they
should (`help check`). A file whose lines look like markers stands in a script with `>` in front of each line, and `unquote FILE` takes that away.

A script starts in $WORK, a fresh writable folder; $TREE is the test tree (the script's folder, or `--tree DIR`).
)";

constexpr std::string_view dialects = R"(Dialects of scripts

`--dialect NAME` (in a manifest: dialect: NAME) reads and runs scripts as another tool does, messages included, so that an existing suite behaves here
as it did there, each script in a container of its own.

  testctr      our own: rsc's language with what the others have, and stricter where they let a wrong test pass
  rsc          rsc.io/script, and cmd/go from 1.20 on
  testscript   rogpeppe/go-internal, at its newest
  cmdgo        cmd/go up to 1.19; begins in $WORK/gopath/src

What differs most:

                        testctr            rsc           testscript        cmdgo
  `!` is content with   a failure that     any error     what each command  what each command
                        was reported                     says              says
  unknown commands      before it runs     at the line   at the line       at the line
  `[c] ! cmd`, `! [c]`  any order          any order     conditions first  any order
  $X in a pattern       literal            literal       as it is; ${X@R}  literal
  background at the     stopped and told   fails unless  stopped           fails unless
  script's end                             `?`                             `?`
  variables             the image's        the image's   PATH and its own  PATH and its own

Programs of the image as commands, without `exec`: `--command NAME` (commands: [NAME]); those of `--bin` are commands anyway. `go` and `cc` of cmd/go run
the image's. Conditions of a suite's own: `--cond NAME=true` (conditions: {NAME: true}). $WORK in a pattern means the folder in rsc and testscript; in
cmdgo it is the word itself, since what is searched has `$WORK` in its place.

Section lines ([host], [container IMAGE]) are part of every dialect: a condition without a command is an error in all of them.
)";

constexpr std::string_view sections = R"(Sections and containers

A line of its own says where the lines below it are carried out, until the next such line:

  [host]                               on this machine, as you
  [container]                          in the image given: `run IMAGE FILE`, or the manifest's
  [container golang:latest]            in a container of that image; the same image is the same container
  [container golang:latest as go]      in a container with that name

Without IMAGE a script begins on the host. What crosses: variables, the working directory (below $WORK), all of $WORK, the last output and
its status. Commands in the background stay where they are and are judged at the end. On the host programs have PATH, HOME, USER, LOGNAME of
yours and what the script sets, no other variable; `--pass-env` and `--env` hand in more.

  testctr start IMAGE NAME [-p PORT]... [-e NAME=VALUE]... [--ready exec|port|file|log VALUE] [--timeout D] [--async] [--cmd WORD...]
  testctr start IMAGE NAME --enter     and the lines below are carried out in it, until the next section or `testctr leave`
  testctr enter NAME, testctr leave    into a container as it was left, and back
  testctr exec NAME WORD...            a command in it: exit status, stdout and stderr as of `exec`
  testctr wait NAME [DURATION]         until it is ready: as `--ready` says, else the image's health check or port, else its program runs
  testctr logs|stop|rm NAME            what it wrote; stop its program; take it away
  testctr port|endpoint NAME PORT      where PORT is reached from here; from the host only what was started with -p PORT
  testctr cp NAME:PATH FILE            a file out of it, or into it: cp FILE NAME:PATH
  [container:NAME] [container-ready:NAME]   conditions

Without `--cmd` it runs what the image says. All containers of a test share one network, in which each is found by its name; tests do not see
each other. Everything is gone when the test has ended. Cases of documents say `where: host`, `where: NAME` (`help documents`), and `testctr`
is a program on $PATH there.
)";

constexpr std::string_view documents = R"(Documents

Shell commands with what they print, in two forms that other tools have made known, run whole inside a container.

  Scrut Markdown (.md .scrut)            Cram (.t .cram)

  Greets                                 Greets

  ```scrut {timeout: 5s}                   $ echo Hello; (exit 3)
  $ echo Hello                             Hello
  > echo world                             [3]
  Hello
  wor* (glob)
  ```

`$ ` begins a command, `> ` goes on with it, the lines behind are what it is to print, [N] is its exit status where that is not 0. In
Markdown, fences of the languages `scrut` and `testctr` are cases and all others are text; the paragraph or heading above is the title.

An expected line may end in what it means: (equal) (no-eol) (escaped) (glob) (regex) (json), with ? * or + for how many lines it may stand
for: `* (glob*)` is any number of any lines. Cram has (no-eol) (esc) (glob) (re), and (?) for a line that may be missing. A line that is
equal to the text, suffix and all, always matches. Regular expressions are RE2 and match the whole line; (?P<name>...) in one sets $name for
the cases that follow.

Configuration is YAML: of a case on its fence {key: value} or in lines `% key: value` above its `$`; of a document between lines `---` at its
top. Unknown keys are errors.

  case: timeout TIME, wait TIME or {timeout, path}, environment {NAME: value}, stdin TEXT or {file: PATH}, output_stream
    stdout|stderr|combined, mode output|jsonschema, interpolated, keep_crlf, strip_ansi_escaping, fail_fast, skip_document_code N (80),
    detached, detached_kill_signal NAME|disabled, where host|container|NAME
  document: defaults {keys of a case}, prepend [FILE], append [FILE], shell PROGRAM, total_timeout TIME (0: none), image IMAGE,
    containers {NAME: IMAGE}

Places: `where: host` carries a case out on this machine, `where: NAME` in a container of the image that `containers` gives to NAME; the
others run in `container`, which is made from the image named on the command line or in a manifest, else from `image`. All share $WORK and
$TMPDIR. What the shell has set goes along: variables, functions, aliases, options, the directory below $WORK. PATH, HOME and the like stay
each place's own. From a container the host takes variables that the document's cases name, and functions that a case defines at its top
level, from the document; aliases and options stay in the container, as does what LD_PRELOAD, BASH_ENV, IFS and their like hold. Traps and
what runs in the background stay where they are. A Cram document runs in one place; sections of a manifest run several documents in several.
`testctr start IMAGE NAME`, `exec`, `logs` and so on are commands in every case.

How they run: the cases of a document share one shell, one working directory and one temporary directory. Variables, functions, aliases,
options and the directory of one case are there in the next. `exit`, `set -e`, `exec`, a signal or a time limit ends that case alone; the
others go on with the state as it was. Of a Cram document all cases share one process: when that ends, the others are not run. A case that
was not run is never green. A `detached` case runs beside the others and is gone when the document ends; what it prints and its exit status
are looked at then. A case that ends with its skip code (80) skips the document, unless [80] is expected.

Environment: the image's, with LANG, LANGUAGE and LC_ALL=C, TZ=GMT, COLUMNS=80, CDPATH and GREP_OPTIONS empty; $TESTDIR (the test tree),
$TESTFILE, $TESTSHELL and $SHELL, $SCRUT_TEST (FILE:LINE), $CRAMTMP, and $TMPDIR, $TEMPDIR, $TMP and $TEMP. Standard input is /dev/null. The
shell is bash, for Cram /bin/sh; an image without one gets the bash of this program.

Limits: --case-timeout and --max-output hold for each case, --timeout or `total_timeout` for the document; beyond them a case is a failure
or an error, with what came before.

`--compat scrut` and `--compat cram` judge as those tools do where we differ on purpose, so that a suite can first be seen as it was:
expressions anchored at one end, no equal-first rule, Scrut's and Cram's own ways to align lines, a skip code that skips even where it is
expected. What was not run is not green in any mode.

`testctr-script update` writes what cases print into their documents, `testctr-script create` makes one from commands,
`testctr-script convert` makes Markdown of Cram, and back.
)";

constexpr std::string_view manifest = R"(Manifest

testctr.yaml says what runs where. `testctr-script run` without arguments finds it in the current folder or above and runs its tests,
`run -t NAME` and `run --tag TAG` some of them, with those that they need; `list` shows them, `check` tells what is wrong.

  version: 1
  image: golang:latest               # of containers that name none
  env: {CGO_ENABLED: "0"}
  secrets: [API_TOKEN]               # with this machine's value; masked in all output
  limits: {timeout: 10m, memory: 1GiB}
  services:
    db: {image: "postgres:16", env: {POSTGRES_PASSWORD: x}, ready: {exec: [pg_isready]}}
  tests:
    - script: scripts/*.txt          # each script whole, in a container of its own
    - name: build-then-run           # one test of several sections
      needs: [scripts/lint.txt]      # that must have passed before
      sections:
        - host: {script: build.txt}
        - container: {script: mytest.txt, image: "debian:12"}
        - host: {run: "exists out/report.xml"}
  matrix: {image: ["golang:1.21", "golang:1.22"], MODE: [fast, safe]}

Paths are relative to the manifest's folder. A glob has * and ? and [...] within a name and ** for any number of folders; each script that
it finds is a test of its own, and one that finds nothing is a mistake.

What the manifest says holds for all tests, what a test says for that one: of image, tree, network, ids, seccomp, format and each limit the
nearest counts; env, services and matrix are put together by name; bin, mounts and artifacts add up. What the command line gives stands
above both. With IMAGE on the command line no manifest is read unless `-f` names it; scripts without IMAGE take the settings, not the tests,
of the manifest in their folder or above.

Sections run one after the other, in one working directory; a container is known by its `name`, else by the image that is written there, and
a section finds it as the one before left it. The lines of `run` are a script.

A matrix makes of every test one for each combination of values, named `NAME [image=golang:1.21, MODE=fast]`. `image` is the image of
containers that name none, and leaves tests alone that have none of these; every other name is a variable of the tests. ${matrix.NAME} in
the texts of a test is replaced by the value. A test's own axis replaces that of the manifest. `needs` means, of a test with the same axes,
those with the same values.

Services run beside each test, in its own network; a test takes all of the manifest's, those that `services: [NAME]` lists, none with [], or
with a mapping further ones of its own. `include` adds the tests of further manifests; what they do not say themselves, they take from the
one that includes them. YAML's anchors and merges (&, *, <<) work; keys `x-...` at the top are a place for them.

Editors that know JSON Schema complete and check it with a first line

  # yaml-language-server: $schema=testctr.schema.json

and the file that `testctr-script help manifest --schema > testctr.schema.json` writes.

`testctr-script lock` writes testctr.lock beside it: for each image that the manifest names, what that name stands for now, as digests. `run`
then takes these, until `lock --update`; `lock --check` tells in CI what is missing, and `run --locked` refuses it. It is YAML, sorted:

  version: 1
  images:
    "golang:1.22":
      digest: sha256:...          # of what the tag names: an index, or the image itself
      platforms:
        linux/amd64: sha256:...   # of the image for that platform
)";

constexpr std::string_view files = R"(Programs, folders and files of this machine

  --bin PATH[=NAME]      a program that is on $PATH inside, before all others, as NAME (without it: the file's name)
  --mount SRC:DST[:ro]   a folder or file that is seen at DST inside; writable unless `:ro`
  --artifacts GLOB=DIR   files that are brought out into DIR when the test has ended

--bin: in a script its name is a command (`NAME ARG...`, `! NAME`, `NAME &`); a name that scripts have a command of, such as cat, is run by
`exec cat`. The file is read-only in /testctr/bin. Before anything runs it is looked into: a program for another machine, a loader or
libraries that the image has not, versions of them that it has not (GLIBC_2.34), the interpreter of a script's first line. What is missing
is named, all of it, and nothing runs: exit code 2. Services are not given any. What the search knows: links of the image, --mount, RPATH
and RUNPATH with $ORIGIN (which is /testctr/bin), LD_LIBRARY_PATH of the image and of --env, /etc/ld.so.conf, the usual folders of glibc
and musl.

--mount: DST is absolute and made when it is missing; a link in the image is followed inside. It may lie below $WORK, and not be
/, /work, or in /proc, /sys, /dev, /testctr. What is writable and lies in the test tree is not seen in that. SRC may not be /, your home
folder, or a folder that holds it. Set-user-id bits and devices in it mean nothing inside. As an ordinary user you are who you are: what
you may not write here, nothing inside can write, and what others own is seen as nobody's. As root, owners are seen as they are up to id
65535, the root inside may write what they own, and what it makes is root's; a file system that cannot map ids (NFS, FUSE) can only be
mounted `:ro`.

--artifacts: GLOB is below $WORK, or absolute inside: /testctr/tree/out/*.xml, /var/log/**. `*` and `?` stand for anything within a name,
`**` for any folders; none stands for a dot at a name's beginning; \* is a star. A folder that matches comes with all that is in it. A file
keeps its name from the first component with a wildcard on (at least the last one): out/*.log=logs makes logs/a.log. Of several tests each
gets a folder of its name in DIR. Files come out after a failure, too, and replace what the last run left; a test that is ended from
outside (its time limit, its memory limit) sends none, and that is told. Modes stay, without set-id bits. Links are followed neither inside
nor in DIR; they, devices, FIFOs and what cannot be read are left out and told (`-v` shows it). At most 10000 files and 1 GiB of a test. Of
a test in several places they come out of one of its containers, which share $WORK. DIR may lie in the test tree, where the test then does
not see it. What cannot be written makes a pass an error.
)";

constexpr std::string_view recipes = R"(Recipes of images

`testctr-script image build RECIPE --tag NAME` makes an image of what a YAML file says. Unknown keys are mistakes.

  from: debian:12                   # a base image: in the store, at a registry, builtin, oci:DIR, oci-archive:FILE ...
  root: rootfs                      # or a folder that is a root file system; or neither: an image of the files alone
  without: [etc/x, usr/lib/llvm-*]  # of the folder: patterns of what is left out, with all below
  files:                            # put on top
    - {path: tmp, dir: true, mode: "1777"}
    - {path: usr/local/bin/app, from: build/app}
    - {path: usr/share/app, from: share, owner: "1000:1000"}
    - {path: etc/app.conf, text: "verbose = 1\n", mode: "0600"}
    - {path: usr/bin/a, link: /usr/local/bin/app}
  env: {PATH: "/usr/local/bin:/usr/bin:/bin"}
  workdir: /root
  user: "0"
  entrypoint: [app]
  command: [--help]
  ports: ["5432", 53/udp]
  healthcheck: {test: [ready, -q], interval: 1s, timeout: 5s, retries: 3, start-period: 60s}
  labels: {org.opencontainers.image.title: app}

`path` has no leading slash; a folder above that is missing is made with mode 0755. Of two entries with the same path the later counts.
`from` of an entry is a file or folder beside the recipe: relative to its folder, and no link leads out of that. A folder comes with all that
is in it, links as they are. Without `mode`, folders and programs get 0755, other files 0644; owners are numbers, UID or UID:GID, else root.

The layers of a base image are taken as they are, with their digests, and what the recipe does not say of the configuration stays the base's:
variables, labels and ports are added to it, the others replaced. A new entry point takes the base's command away. A folder keeps the modes,
owners and hard links that it has (what is yours is root's), without device nodes and sockets.
)";

constexpr std::string_view engines = R"(Engines

Who makes the containers: `--engine` of `run`, `update` and `create`.

  native    we ourselves, by user namespaces; no daemon, no root
  docker    Docker, by its API
  podman    Podman, by its API
  chroot    a private copy of the image's root, without namespaces: for root in a container which may make none
  here      this machine's own root as it is: for who is in a container of the test's already
  auto      the first of native, docker, podman, chroot that works here, never here; what is not native is said (default)

The report's first line says what an engine lacks that native containers have.

docker and podman make each container by an engine of this machine, by its API on a Unix socket; its command is not needed. The socket is the one
that its own client would take. docker: DOCKER_HOST, the current context (DOCKER_CONTEXT, config.json), /var/run/docker.sock, docker.sock in
XDG_RUNTIME_DIR. podman: CONTAINER_HOST, the default connection where that is a socket, for root /run/podman/podman.sock, for others
podman/podman.sock in XDG_RUNTIME_DIR. tcp:// and ssh:// are not spoken. `sudo systemctl start docker` and `systemctl --user start podman.socket`
start them. Images come from our store and are loaded into the engine once, as localhost/testctr-script:DIGEST; it never pulls. Those with another
version of this program go when one is loaded, all of them by `docker image prune -a --filter label=org.testctr.image`. Containers are called
testctr-..., have the label org.testctr.owner, and are removed at their end, or by the next run when this program was killed. As in native ones
are the report, the tree, --bin, --mount, --artifacts, limits of memory, processes, processors and time, the filter and what it refused,
services, `testctr`, and one $WORK for several places. What is not: hostfs and dir: images, --ids and --scratch are errors, and scratch space has
no bound; root inside is the engine's root - this machine's, unless the engine is your own; a limit that was asked for and that the engine cannot
keep is an error; mounts, --bin and host sections need an engine that sees this machine's files, and `-p PORT` one whose containers we may enter,
as root or with an engine of your own; several places of a test have one host name. --seccomp FILE comes on top of the engine's own filter, the
default one stands in its place.

chroot is for jobs that are root in a container with Docker's or Kubernetes' defaults. Each test gets a copy of the image (shared blocks where
the file system can) in a folder of $TMPDIR, /tmp or /var/tmp that goes with it, also when this program is killed. Programs have no new
privileges, at most Docker's capabilities without SYS_CHROOT, MKNOD and NET_RAW, the system call filter, no descriptor of outside, reach no process of
this program, and attach to none that runs. What it lacks: the network, processes and users are this machine's, whatever `--network` says; there is no /proc and
no /sys; what is written is not bounded; memory and the number of processes are looked at every 50 ms. The tree, --bin and --mount SRC:DST:ro
are copies; --mount to be written to, --work-directory, --cpus, host sections, lines in two containers of one test, and the image hostfs are
refused. Services run, all in this machine's network: their ports may clash with those of other tests. Without CAP_MKNOD there are no devices.
It needs root: others get by with native, docker, podman or here.

here runs `testctr-script run --engine here FILE...`, without an image: lines are carried out below a fresh $WORK, $TREE is a copy, PATH is this
machine's, other variables are as in a container. Programs have no new privileges, and the filter is on top; all else is as it is, and what they
write elsewhere stays. An image - named, of a manifest or of a document - is exit code 2, and so are sections, services, --mount.
)";

constexpr Topic all[] = {
    {"bundles", "one file that runs a test again anywhere: pack, replay, push", bundles},
    {"config", "a user's defaults: config.yaml", config_topic},
    {"debug", "a test that stands still: a prompt and a shell where it fails", debugging_topic},
    {"dialects", "scripts of cmd/go, rsc.io/script and testscript as they are", dialects},
    {"documents", "Scrut Markdown and Cram documents in short", documents},
    {"engines", "who makes containers, and what to do where native ones cannot be", engines},
    {"every-day", "watching, progress, colours, screen readers, completion, manual pages", every_day_topic},
    {"exit-codes", "what the exit codes mean", exit_codes},
    {"files", "programs, folders and files of this machine: --bin, --mount, --artifacts", files},
    {"filter", "expressions that select tests", filter_topic},
    {"formats", "the kinds of files that are read and written", formats},
    {"images", "what can be named as an image", images},
    {"manifest", "testctr.yaml, which says what runs where", manifest},
    {"recipes", "what `image build` makes images of", recipes},
    {"registries", "where images come from, and who may", registries},
    {"reports", "what people and programs are told of a run, and how shards are merged", reports_topic},
    {"script", "the script language in short", script},
    {"sections", "scripts that go from the host into containers; services beside them", sections},
    {"suites", "many tests: which, in which order, again, on several machines", suites_topic},
};

}  // namespace

std::span<const Topic> topics() { return all; }

}  // namespace testctr::cmd
