// Runs all scripts of a folder by go-internal's testscript in one process, and prints for each a line of JSON: how it ended, the line that
// failed, and what was said of it. The tool's own command runs no further script when one has failed.
//
//	reference [-commands NAME,...] [-go] [-jobs N] [-env NAME=VALUE]... DIR
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/gotooltest"
	"github.com/rogpeppe/go-internal/testscript"
)

type verdict struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"` // pass, skip, fail; panic: the tool died of it
	Line    int    `json:"line"`
	Reason  string `json:"reason"`
	Log     string `json:"log"`
}

// suite hands the scripts of a folder out to as many goroutines as may run.
type suite struct {
	dir     string
	verbose bool
	slots   chan struct{}
	running sync.WaitGroup
	print   sync.Mutex
}

// one is a single script.
type one struct {
	*suite
	name string
	log  strings.Builder
}

type end string

func (s *suite) Skip(...interface{})       { panic(end("skip")) }
func (s *suite) Fatal(what ...interface{}) { fmt.Fprintln(os.Stderr, what...); os.Exit(1) }
func (s *suite) Parallel()                 {}
func (s *suite) Log(...interface{})        {}
func (s *suite) FailNow()                  { panic(end("fail")) }
func (s *suite) Verbose() bool             { return s.verbose }

func (s *suite) Run(name string, f func(testscript.T)) {
	s.running.Add(1)
	s.slots <- struct{}{}
	go func() {
		t := &one{suite: s, name: name}
		result := verdict{Name: name, Outcome: "pass"}
		defer func() {
			switch problem := recover().(type) {
			case nil:
			case end:
				result.Outcome = string(problem)
			default:
				result.Outcome, result.Reason = "panic", fmt.Sprint(problem)
				if os.Getenv("REFERENCE_TRACE") != "" {
					debug.PrintStack()
				}
			}
			t.tell(&result)
			<-s.slots
			s.running.Done()
		}()
		f(t)
	}()
}

func (t *one) Skip(...interface{}) { panic(end("skip")) }
func (t *one) Fatal(what ...interface{}) {
	t.Log(what...)
	panic(end("fail"))
}
func (t *one) FailNow()                { panic(end("fail")) }
func (t *one) Log(what ...interface{}) { fmt.Fprint(&t.log, what...) }

// tell prints what became of the script. Of a failure's text all to the next mark of the log belongs to it.
func (t *one) tell(result *verdict) {
	result.Log = t.log.String()
	found := regexp.MustCompile(`(?m)^FAIL: `+regexp.QuoteMeta(filepath.Join(t.dir, t.name))+`\.txt(?:ar)?:(\d+): `).FindAllStringSubmatchIndex(result.Log, -1)
	if found != nil && result.Outcome == "fail" {
		last := found[len(found)-1]
		result.Line, _ = strconv.Atoi(result.Log[last[2]:last[3]])
		rest := result.Log[last[1]:]
		if mark := strings.Index(rest, "\n[background] "); mark >= 0 {
			rest = rest[:mark+1]
		}
		result.Reason = strings.TrimSuffix(rest, "\n")
	}
	t.print.Lock()
	defer t.print.Unlock()
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// asCommand makes `NAME ARG` mean `exec NAME ARG`, as testscript.RunMain does for programs of its own.
func asCommand(name string) func(*testscript.TestScript, bool, []string) {
	return func(script *testscript.TestScript, negated bool, arguments []string) {
		err := script.Exec(name, arguments...)
		if err != nil {
			script.Logf("[%v]\n", err)
		}
		if err == nil && negated {
			script.Fatalf("unexpected command success")
		}
		if err != nil && !negated {
			script.Fatalf("unexpected command failure")
		}
	}
}

type list []string

func (l *list) String() string         { return strings.Join(*l, " ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func main() {
	var variables list
	commands := flag.String("commands", "", "programs that scripts use without exec")
	withGo := flag.Bool("go", false, "the command go")
	jobs := flag.Int("jobs", 2, "scripts at a time")
	verbose := flag.Bool("verbose", false, "the whole log")
	testing.Init() // [short] asks it
	flag.Var(&variables, "env", "a variable of the scripts")
	flag.Parse()
	params := testscript.Params{Dir: flag.Arg(0), Cmds: map[string]func(*testscript.TestScript, bool, []string){}}
	for _, name := range strings.Split(*commands, ",") {
		if name != "" {
			params.Cmds[name] = asCommand(name)
		}
	}
	params.Setup = func(env *testscript.Env) error {
		env.Vars = append(env.Vars, variables...)
		return nil
	}
	if *withGo {
		if err := gotooltest.Setup(&params); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	dir, err := filepath.Abs(params.Dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	params.Dir = dir
	all := &suite{dir: dir, verbose: *verbose, slots: make(chan struct{}, *jobs)}
	testscript.RunT(all, params)
	all.running.Wait()
}
