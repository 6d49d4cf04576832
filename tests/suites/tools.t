jq, git, sqlite3 and tar in Cram's words
========================================

Cram compares both streams as one, and escapes whatever is not printable ASCII.

jq
--

  $ jq -nc '{a: [1, 2]}'
  {"a":[1,2]}
  $ echo '{"name": "zo\u00eb"}' | jq -r .name
  zo\xc3\xab (esc)
  $ echo '[3,1,2]' | jq -c 'sort, (sort | reverse)'
  [1,2,3]
  [3,2,1]
  $ echo '{"a":1}' | jq .a.b
  jq: error (at <stdin>:1): Cannot index number with * (glob)
  [5]
  $ echo nonsense | jq .
  parse error: Invalid * at line * (glob)
  [?] (?)
  [4]
  $ jq -n '"tab\there"' -r
  tab\there (esc)
  $ jq -nj '"no end"'
  no end (no-eol)
  $ jq -n --arg x 1 '$x + "0" | tonumber'
  10
  $ jq -n '[1, [2, [3]]] | flatten' -c
  [1,2,3]
  $ jq -n '"a,b" / ","' -c
  ["a","b"]
  $ jq -n '{} | .a.b.c = 1' -c
  {"a":{"b":{"c":1}}}
  $ jq -n '[range(0; 10; 3)]' -c
  [0,3,6,9]
  $ jq -n 'now | type'
  "number"
  $ jq -n 'error("on purpose")'
  jq: error (at <unknown>): on purpose
  [5]
  $ jq -n '"x" | halt_error'
  x (no-eol)
  [5]
  $ jq -n '{a: 1} * {b: 2} | to_entries | length'
  2
  $ jq -n 'input' < /dev/null
  jq: error \(at <.*>(:0)?\): (break|No more inputs) (re)
  [5]
  $ jq -n '[.[]?]' -c
  []
  $ jq -rn '@text "v\(1 + 1)"'
  v2
  $ jq -n '"abc" | explode | map(. + 1) | implode'
  "bcd"

git
---

  $ export HOME="$CRAMTMP" GIT_AUTHOR_DATE='2023-06-10T12:00:00Z' GIT_COMMITTER_DATE='2023-06-10T12:00:00Z'
  $ git config --global user.name 'Ada Example'
  $ git config --global user.email ada@example.org
  $ git config --global init.defaultBranch main
  $ git init -q r && cd r
  $ git status --porcelain
  $ git log
  fatal: your current branch 'main' does not have any commits yet
  [128]
  $ echo one > one && git add one && git commit -m First
  [main (root-commit) *] First (glob)
   1 file changed, 1 insertion(+)
   create mode 100644 one
  $ git log --format='%an %s'
  Ada Example First
  $ git rev-parse HEAD
  [0-9a-f]{40} (re)
  $ git rev-parse HEAD:one
  5626abf0f72e58d7a153368ba57db4c673c0e171
  $ echo two >> one; git diff
  diff --git a/one b/one
  index 5626abf..814f4a4 100644
  --- a/one
  +++ b/one
  @@ -1 +1,2 @@
   one
  +two
  $ git commit -qam Second; git log --oneline | wc -l
  2
  $ git checkout -b side HEAD~1
  Switched to a new branch 'side'
  $ git log --format=%s main..side
  $ git log --format=%s side..main
  Second
  $ git cherry-pick main
  Auto-merging one (?)
  [side *] Second (glob)
   Date: * (glob)
   1 file changed, 1 insertion(+)
  $ git diff main side
  $ git diff --exit-code HEAD~1 HEAD > /dev/null
  [1]
  $ git checkout -q main; git branch -D side
  Deleted branch side (was *). (glob)
  $ git checkout nowhere
  error: pathspec 'nowhere' did not match any file(s) known to git
  [1]
  $ git mv one eins; git status --short
  R  one -> eins
  $ git commit -qm Rename; git log --follow --format=%s eins
  Rename
  Second
  First
  $ git show --stat --format=%s
  Rename
  
   one => eins | 0
   1 file changed, 0 insertions(+), 0 deletions(-)
  $ git tag v1; git tag v1
  fatal: tag 'v1' already exists
  [128]
  $ git ls-files --stage
  100644 814f4a422927b82f5f8a43f8fdfe6de2a8f5c3c7 0\teins (esc) (?)
  100644 [0-9a-f]+ 0\teins (re) (?)
  $ git config --get no.such
  [1]
  $ git worktree add -q ../w v1 && git worktree list | wc -l
  2
  $ git notes add -m 'a note' && git notes show
  a note
  $ cd ..

A daemon, in the background of the shell that all commands share:

  $ git daemon --listen=127.0.0.1 --port=9419 --export-all --base-path="$PWD" --pid-file="$PWD/pid" "$PWD" > /dev/null 2>&1 &
  $ for i in $(seq 200); do git ls-remote git://127.0.0.1:9419/r > refs 2> /dev/null && break; sleep 0.05; done; test -s refs
  $ git ls-remote git://127.0.0.1:9419/r refs/heads/main | cut -f 2
  refs/heads/main
  $ git clone -q git://127.0.0.1:9419/r clone && cat clone/eins
  one
  two
  $ kill "$(cat pid)"

sqlite3
-------

  $ sqlite3 t.db 'create table t(a, b); insert into t values (1, 2), (3, null)'
  $ sqlite3 t.db 'select * from t'
  1|2
  3|
  $ sqlite3 -csv -header t.db 'select * from t' | tr -d '\r'
  a,b
  1,2
  3,
  $ sqlite3 t.db 'select sum(a), avg(a), count(b) from t'
  4|2.0|1
  $ sqlite3 t.db 'select' 
  Error: in prepare, incomplete input* (glob)
  *select* (glob) (?)
  * error here (glob) (?)
  [1]
  $ sqlite3 t.db .schema
  CREATE TABLE t(a, b);
  $ sqlite3 t.db "select 'it is ' || a from t order by a desc limit 1"
  it is 3
  $ sqlite3 t.db 'update t set b = a * 10 where b is null; select changes()'
  1
  $ sqlite3 t.db 'select * from t where b > 5' -json
  [{"a":3,"b":30}]
  $ echo '.tables' | sqlite3 t.db
  t
  $ echo 'a;b' > in.csv; sqlite3 -separator ';' t.db '.import in.csv u' 'select count(*) from u'
  0
  $ sqlite3 t.db 'select hex(randomblob(4))'
  [0-9A-F]{8} (re)
  $ sqlite3 t.db 'drop table nowhere'
  Error: *no such table: nowhere* (glob)
  [1]
  $ sqlite3 -readonly t.db 'delete from t'
  *attempt to write a readonly database* (glob)
  [8]
  $ sqlite3 :memory: "values ('a'), ('b')"
  a
  b
  $ sqlite3 :memory: "select 'x' union select 'y' union all select 'x'"
  x
  y
  x
  $ sqlite3 :memory: 'select char(233)'
  \xc3\xa9 (esc)
  $ sqlite3 :memory: "select 'two' || char(10) || 'lines'"
  two
  lines

tar
---

  $ mkdir d && echo hello > d/f && ln -s f d/l
  $ tar -cf d.tar d && tar -tf d.tar | sort
  d/
  d/f
  d/l
  $ tar -tvf d.tar d/f
  -rw-r--r-- */* 6 ????-??-?? ??:?? d/f (glob)
  $ mkdir x && tar -xf d.tar -C x && cat x/d/f && readlink x/d/l
  hello
  f
  $ tar -czf d.tgz d && file d.tgz
  d.tgz: gzip compressed data, from Unix* (glob)
  $ tar -xOzf d.tgz d/f
  hello
  $ tar -xf nowhere.tar
  tar: nowhere.tar: Cannot open: No such file or directory
  tar: Error is not recoverable: exiting now
  [2]
  $ tar -tf d.tar no/such
  tar: no/such: Not found in archive
  tar: Exiting with failure status due to previous errors
  [2]
  $ tar --version | head -n 1
  tar \(GNU tar\) 1\.\d+ (re)
  $ tar
  tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options
  Try 'tar --help' or 'tar --usage' for more information.
  [2]
  $ tar -df d.tar && echo same
  same
  $ printf more >> d/f; tar -df d.tar
  d/f: Mod time differs (?)
  d/f: Size differs
  [1]
  $ gzip -k d.tar && ls d.tar*
  d.tar
  d.tar.gz
  $ gzip -k d.tar
  gzip: d.tar.gz already exists;* (glob)
  * (glob) (?)
  [2]
  $ bzip2 -k d.tar && bzip2 -t d.tar.bz2
  $ xz -k d.tar && xz -dc d.tar.xz | cmp - d.tar

Odds and ends
-------------

  $ test -f d.tar -a ! -d d.tar && echo file
  file
  $ stat -c '%F %a' d
  directory 755
  $ find d -type l
  d/l
  $ find . -name '*.tar' -exec basename {} .tar \;
  d
  $ touch -d '2001-02-03 04:05:06Z' d/f; date -u -r d/f +%s
  981173106
  $ mkdir d
  mkdir: cannot create directory 'd': File exists
  [1]
  $ rmdir d
  rmdir: failed to remove 'd': Directory not empty
  [1]
  $ cp d e
  cp: -r not specified; omitting directory 'd'
  [1]
  $ ls nowhere
  ls: cannot access 'nowhere': No such file or directory
  [2]
  $ mktemp -u | sed "s,$TMPDIR,TMP,"
  TMP/tmp.* (glob)
  $ timeout 0.1 sleep 5
  [124]
  $ env -i A=1 /usr/bin/env
  A=1
  $ nice -n 39 nice
  19
  $ id -u | grep -c '^[0-9]*$'
  1
  $ echo $((0x10 + 010))
  24
  $ basename /a/b.c .c; dirname /a/b.c
  b
  /a
  $ realpath --relative-to=/usr /usr/bin/../lib
  lib
  $ truncate -s 3 z; od -c z
  0000000  \0  \0  \0
  0000003
  $ cat
  $ read x; echo "nothing: <$x>"
  nothing: <>
  $ (exit 42)
  [42]
  $ sh -c 'kill -TERM $$'
  Terminated
  [143]
