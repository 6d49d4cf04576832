// The help topics of what is done every day with many tests.
#pragma once

#include <string_view>

namespace testctr::cmd {

inline constexpr std::string_view debugging_topic = R"(Debugging

  testctr-script run --debug IMAGE FILE...     where a line of a script or a case of a document fails, the test stands still there
  testctr-script run --break t.txt:7 ...       and before this line

Nothing has been taken away then: processes, files, variables and the last output are as that line left them. What can be typed:

  next (n)            run the next line, and stop behind it, in whatever place that is
  continue (c)        run the rest, up to the next failure; what has failed stays a failure of the test
  again (a)           run the line that failed once more; the report does not hear of it
  list (l) [LINE]     the lines around this one
  stdout, stderr      what the last command printed
  files [PATTERN]     what is below $WORK; `ls [FOLDER]` and `cat FILE...` look elsewhere
  env [NAME]          variables, of a document's shell those that are exported
  shell               the image's bash or sh, else one of ours, with that line's directory and variables; of a document's shell it has those that are
                      exported, and no functions, arrays or aliases; `exit` comes back
  quit (q)            end this test as it stands; so does the end of input
  help (h)            this list

Anything else is carried out as a line of the script - in its own dialect; of a document: as a command for its shell -, and it is told whether it held.
That counts for nothing, but what it changes stays changed. A line that begins with a blank is always one of these: ` env` and ` stdout` are
the script's, not the prompt's. Sections, `testctr` and `defer` are not carried out there.

On a terminal a line is edited as elsewhere: arrows, Home, End, Ctrl-A, E, B, F, K, U, W, L; up and down (Ctrl-P, Ctrl-N) bring back what was typed in this
run. Not with --plain, and not where TERM is `dumb`: there the terminal itself edits. Ctrl-C drops a line that is begun, and stops what was typed and runs,
that alone: first by SIGINT, then by SIGKILL; a second one within a second ends the run.

Tests run one after the other, each once (no retries). Time limits stand still while the prompt or a shell is open. Ctrl-C at an empty prompt ends the run; reports are whole then, too.
Where standard input is no terminal, lines are read from it, and a shell reads all that is left: `printf 'env\nfiles\n' | testctr-script run --debug ...`. The
verdict does not depend on what is typed, but for one thing: a test that is ended before a line of --break, with nothing failed, counts as skipped. Where a
document is judged as Cram would (--compat cram), failures are known at its end alone.

  testctr-script shell IMAGE                   a shell in a fresh container
  testctr-script shell [IMAGE] t.txt:7         one where that script, or document, stands before line 7
  testctr-script shell                         one where the last run of the tests here failed
  testctr-script run --keep ...                $WORK of each test that fails comes out to a fresh folder below $TMPDIR, which the report names
  testctr-script reduce IMAGE t.txt -o s.txt   what a failure needs: lines, files and cases are left out while the test fails in the same way
  testctr-script record IMAGE -o t.txt         commands that are typed in a container become a script (.txt) or a document (.md, .t)
  testctr-script explain [NAME...]             why tests failed the last time: refused system calls, limits, missing programs, libraries and files, no network,
                                               and what is different from when they passed; from what `run` has kept, without running anything

Of $WORK come regular files, also hidden ones, 10,000 and 1 GiB at most, with the user's ownership; links, pipes and the like are left out and told. A test that is killed
from outside - by its time limit, for want of memory - leaves nothing that could come out. --keep-all brings out those that pass, too.

Bundles have a shell where a test fails as well: `replay --shell`; and before its first line: `bundle shell`.
)";

inline constexpr std::string_view every_day_topic = R"(Every day

  testctr-script run --watch                 runs, then again what is affected by each change; Enter or a: all, f: failed ones, q: quit
  testctr-script run --plain                 for screen readers: a line for each thing that happens, in words
  source <(testctr-script completion bash)   completion: zsh and fish as well (`testctr-script completion --help`)
  testctr-script help --man run | man -l -   help as manual pages; `make install` puts them in place

While tests run on a terminal, one line says how many have ended and failed, and what runs since when; a test that runs for more than 10s
(--slow TIME) is marked as slow, one that is near its time limit as `hung?`. Where there is no terminal each such test is told once, in a line.

Colours: --color WHEN, --no-color; else NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE; TERM=dumb has none. Those used can be read on light and
on dark grounds. A name is cut where a line ends, and control characters in it are shown, not sent.

Ctrl-C ends a run cleanly: what runs is stopped, what it has left is taken away, the report says what was not run. Twice ends it at once.
Nothing is left behind either way.

--watch follows the scripts, the test tree, the manifest with what it includes, and --bin programs. A changed script runs alone; another change
in a test tree runs all tests that see that tree, a program those that have it, a manifest all. Changes that come within 100 ms are one. A
change while tests run stops them, and what they had left runs with it. What the run itself writes - reports, bundles, artifacts, .err files -
does not count, nor do names that begin with a dot, .git above all, or files of editors (name~). Linux tells of changes by inotify: not of those
that another machine makes on a network file system, not through a link to elsewhere, not of a mode that changes, and of no more folders
than fs.inotify.max_user_watches; what is not followed is told.
)";

inline constexpr std::string_view config_topic = R"(A user's defaults

$XDG_CONFIG_HOME/testctr/config.yaml, else ~/.config/testctr/config.yaml, gives defaults for `run`; TESTCTR_CONFIG=FILE names another file, and
`run --no-config` takes none. The command line stands above it; `run -v` tells what was taken.

  jobs: 4
  color: always
  slow: 5s
  store-ro: [/srv/images]

It says how a run looks and where things are on this machine, and nothing that changes what a test means: time limits, memory, variables,
images and the like stand in the manifest, where others have them, too. Unknown keys are mistakes. For editors: a first line
# yaml-language-server: $schema=FILE, with the file that `testctr-script help config --schema > FILE` writes.
)";

inline constexpr std::string_view filter_topic = R"(Filters

--filter EXPRESSION takes the tests for which it holds, with those that they need:

  testctr-script run --filter 'tag:fast and not image:golang*'
  testctr-script list --filter '(cli | lib/) & !format:cram'

A term is KEY:PATTERN, or a pattern alone, which is one of names.

  name    the test's name, as reports and `list` show it
  path    its file, or that of one of its sections
  tag     one of its tags in the manifest
  image   that it runs in, as it is written there
  format  script, scrut or cram

With `*` or `?` a pattern is meant as a whole; without, a name or a path has it somewhere, a tag, image or format is it. In quotes, '...' or "...", it
may hold blanks, parentheses and what else would end it. Terms are joined by and, or, not - also &, |, ! - and parentheses; `not` binds
closest, then `and`.
)";

inline constexpr std::string_view suites_topic = R"(Large suites

Which tests: names and folders on the command line, -t and --tag of a manifest, --filter (`help filter`); of these --changed (what git says is not
committed: a test's own files, its manifest, its --bin programs, or something in its test tree that is no other test), --changed-since COMMIT, and
--failed: what failed, or did not come to its end, when it last ran in this folder (for a manifest: in that). --list and -n show what would run. Nothing
selected is exit code 4.

In which order: as they are named; where several run at a time those first that took longest here before. --shuffle SEED is another order, the same for the
same number. -j N at a time; without it one for each processor, as long as there are 128 MiB for each in half of the free memory. Tests with limits of
memory of their own (--memory, limits) wait until these fit.

In testctr.yaml:

  groups: {database: 2}                 two tests of the group at a time
  retries: 1                            what fails is tried again
  setup: {script: install.txt}          once for each image; what it changes in that, outside of $WORK, is a layer of every test
  tests:
    - {script: "*.txt", group: database}
    - {script: port.txt, locks: port-80}          never beside another test with that lock
    - {script: broken.txt, xfail: "see the tracker"}

Outcomes besides passed, failed, error, skipped and not run: flaky, a test that passed after attempts that had not, whose output is told (--retries, exit code by
--flaky-result); xfail, one that failed as `xfail:` expects; XPASS, one that passed although it does, which is a failure. --repeat N runs every test N times,
--fail-fast ends at the first failure.

`setup:` is carried out in a container like a test, first of all and once for each image of the tests below it: that of a test, and those of its container
sections. What starts from the prepared image is all of a test that is made from that image: its lines, sections, what `testctr start` starts, services.
Services in other images start from these as they are, and have no `setup:` of their own (`help image build` makes an image that has it all); so do scripts
that are named on the command line. Where a setup does not pass its tests are skipped. It needs native containers. In a bundle (`help bundles`) what it
has changed is a layer of the image: a replay needs neither the setup nor its network or secrets, and works with every engine.

Several machines: --shard I/N is the I-th of N parts, the same on all of them when the same is named there; --shard auto asks the environment (Bazel, GitLab,
CircleCI, Buildkite, Slurm arrays). --shard-by count makes them equally many, hash leaves tests where they are when others are added, time makes them equally long
by --durations FILE, the event lines of an earlier run. A part that has no tests is fine. `testctr-script merge` makes one report of the parts' event lines, and says
whether any is missing or ran twice.
)";

}  // namespace testctr::cmd
