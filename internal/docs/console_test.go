package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/lab"
	"github.com/rescindhq/rescind/internal/redistest"
)

// sessionTime is far longer than the commands of one shell take: on two busy
// cores that is half a minute.
const sessionTime = 8 * time.Minute

// TestConsole runs the commands of every "console" block, those of one document
// in one shell, and holds what they print against what the document shows. In
// that, … stands for what differs from run to run: for a part of a line, or, as
// a line of its own, for any number of lines.
func TestConsole(t *testing.T) {
	binary := build(t)
	for _, d := range documents(t) {
		for _, commands := range d.shells(t) {
			t.Run(commands[len(commands)-1].where, func(t *testing.T) {
				t.Parallel()
				newSession(t, binary).run(commands)
			})
		}
	}
}

// build returns the directory of a rescind that is built from this tree, without
// the race detector: what is shown here is what a reader of the documents gets.
func build(t *testing.T) string {
	t.Helper()
	dependOnSources(t)
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "rescind"), "./cmd/rescind")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return dir
}

// dependOnSources looks at every source of the command, so that go test does
// not take the result of an older one from its cache.
func dependOnSources(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"cmd", "bench", "server", "rotation", "verifier", "denylist"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !strings.HasSuffix(path, "_test.go") {
				_, err = os.Stat(path)
			}
			return err
		}))
	}
}

// command is a line that somebody types, and what the document says that it
// prints.
type command struct {
	where, text string
	chapter     int // how many headings are above it
	prints      []string
}

// commands are those of the console blocks. One goes on behind a \ at the end of
// its line, and up to the END of a here-document.
func (d document) commands(t *testing.T) []command {
	t.Helper()
	var all []command
	for _, b := range d.in("console") {
		goesOn, chapter := false, d.chapterOf(b)
		require.True(t, strings.HasPrefix(b.lines[0], "$ "), "%s:%d: a console block begins with a command", d.path, b.line)
		for i, line := range b.lines {
			text, typed := strings.CutPrefix(line, "$ ")
			last := len(all) - 1
			switch {
			case goesOn:
				all[last].text += "\n" + line
			case typed:
				all = append(all, command{where: fmt.Sprintf("%s:%d", d.path, b.line+i), text: text, chapter: chapter})
			default:
				all[last].prints = append(all[last].prints, line)
				continue
			}
			here := strings.Contains(line, "<<END") || goesOn && strings.Contains(all[len(all)-1].text, "<<END") && line != "END"
			goesOn = strings.HasSuffix(line, `\`) || here
		}
	}
	return all
}

// chapterOf is how many headings of chapters are above a block.
func (d document) chapterOf(b block) int {
	above := strings.Split(d.text, "\n")[:b.line-1]
	return len(slices.DeleteFunc(above, func(line string) bool { return !strings.HasPrefix(line, "## ") }))
}

// chaptersApart is a document that is no walk: a chapter needs nothing of another
// but the file that this one kept with --out. Most of it is waiting, so chapters
// run side by side.
const chaptersApart = "docs/bench.md"

var kept = regexp.MustCompile(`--out (\S+)`)

// shells are the commands of the document, each list for a shell of its own. Of
// chapters that are apart the first command of all, which says where Redis is, is
// typed in each shell.
func (d document) shells(t *testing.T) [][]command {
	t.Helper()
	all := d.commands(t)
	if len(all) == 0 || d.path != chaptersApart {
		return chapters(all, func(command, command) bool { return true })
	}
	var shells [][]command
	for _, chapter := range chapters(all[1:], func(a, b command) bool { return a.chapter == b.chapter }) {
		at := slices.IndexFunc(shells, func(shell []command) bool { return keeps(shell, chapter) })
		if at < 0 {
			at = len(shells)
			shells = append(shells, all[:1:1])
		}
		shells[at] = append(shells[at], chapter...)
	}
	return shells
}

// chapters are runs of commands that belong together.
func chapters(all []command, together func(a, b command) bool) [][]command {
	var runs [][]command
	for i, c := range all {
		if i == 0 || !together(all[i-1], c) {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], c)
	}
	return runs
}

// keeps reports whether a shell has kept a file that a chapter needs.
func keeps(shell, chapter []command) bool {
	for _, c := range shell {
		found := kept.FindStringSubmatch(c.text)
		if found != nil && slices.ContainsFunc(chapter, func(c command) bool { return strings.Contains(c.text, found[1]) }) {
			return true
		}
	}
	return false
}

// session is a shell on a machine of its own: its Redis, its addresses.
type session struct {
	t        *testing.T
	dir, bin string
	// here are the addresses of this machine for those that documents name.
	here, there *strings.Replacer
	addrs       [2]string // main and admin
}

func newSession(t *testing.T, bin string) *session {
	t.Helper()
	_, redis := redistest.StartTCP(t).Addr()
	s := &session{t: t, dir: t.TempDir(), bin: bin, addrs: [2]string{freeAddr(t), freeAddr(t)}}
	pairs := []string{"127.0.0.1:6379", redis, "127.0.0.1:8080", s.addrs[0], "127.0.0.1:8081", s.addrs[1]}
	s.here = strings.NewReplacer(pairs...)
	for i := 0; i < len(pairs); i += 2 {
		pairs[i], pairs[i+1] = pairs[i+1], pairs[i]
	}
	s.there = strings.NewReplacer(pairs...)
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := lab.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// prelude makes the shell one in which a server runs in the background, as in
// a terminal of its own, and the next one takes its place.
const prelude = `
exec 2>&1 </dev/null
server=
stop() { [ -z "$server" ] || { kill "$server"; wait "$server"; server=; } 2>/dev/null; }
trap stop EXIT
trap 'exit 1' TERM
rescind() {
	[ "$1" = serve ] || { command rescind "$@"; return; }
	stop
	: >serve.out
	command rescind "$@" >serve.out 2>serve.err &
	server=$!
	until [ -s serve.out ] && [ "$(wc -c <serve.out)" = "${size:-}" ]; do
		kill -0 "$server" 2>/dev/null || { cat serve.err; return 1; }
		size=$(wc -c <serve.out)
		sleep 0.1
	done
	cat serve.out
}
make() {
	[ "$*" = run ] || { echo "make $*: only make run is played here"; return 2; }
	rescind serve
}
`

const marker = "--8<-- end of command"

// run types the commands.
func (s *session) run(commands []command) {
	s.t.Helper()
	script := prelude
	for _, c := range commands {
		script += s.here.Replace(c.text) + "\nprintf '\\n%s\\n' '" + marker + "'\n"
	}
	outputs := strings.Split(s.sh(script), "\n"+marker+"\n")
	for i, c := range commands {
		if !assert.Less(s.t, i, len(outputs)-1, "%s: the shell did not get to: %s", c.where, c.text) {
			return
		}
		// An output that does not end its line is given an end.
		if got := s.there.Replace(outputs[i]) + "\n"; !pattern(c.prints).MatchString(got) {
			s.t.Errorf("%s: $ %s\nthe document shows:\n%s\n\nit prints:\n%s", c.where, c.text, strings.Join(c.prints, "\n"), got)
		}
	}
}

// sh runs a script and returns all that it prints.
func (s *session) sh(script string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), sessionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir = s.dir
	cmd.Env = append(cleanEnviron(), "PATH="+s.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"RESCIND_ADDR="+s.addrs[0], "RESCIND_ADMIN_ADDR="+s.addrs[1],
		"RESCIND_CHECK_TIMEOUT=10s") // patience with a busy machine: what is shown here are answers
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // what a command prints says whether it failed
	assert.NoError(s.t, ctx.Err(), "the commands took longer than %v", sessionTime)
	return out.String()
}

// cleanEnviron is the environment without settings of rescind, and without a
// proxy that would be asked for 127.0.0.1.
func cleanEnviron() []string {
	var kept []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "RESCIND_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// varying is what differs from run to run, in any document: … itself, instants
// and Unix times, ids, keys and tokens, how long something took, how often it
// happened, and how much memory it needs.
var varying = regexp.MustCompile(strings.Join([]string{
	`…`,
	`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, `\b1\d{9}(\d{3})?\b`, // instants
	`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`, `\b[0-9a-f]{8}\b`, // UUIDs, and what some begin with
	`\beyJ[\w.-]+`, `[\w-]{43}`, `\b[A-Z2-7]{26,52}\b`, // tokens, thumbprints, random texts
	`\b\d+(\.\d+)?(ns|µs|ms|s)\b`, `\b\d+(\.\d+)?[kM]?/s\b`, `\b\d+\.\d+ MB`,
}, "|"))

var spaces = regexp.MustCompile(`[ \t]+`)

// pattern matches the output that a document shows.
func pattern(prints []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for _, line := range prints {
		if line == "…" {
			b.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		for i, same := range varying.Split(strings.TrimRight(line, " "), -1) {
			if i > 0 {
				b.WriteString(`[^\n]*?`)
			}
			b.WriteString(spaces.ReplaceAllString(regexp.QuoteMeta(same), `[ \t]+`))
		}
		b.WriteString(`[ \t\r]*\n`)
	}
	b.WriteString(`\s*\z`)
	return regexp.MustCompile(b.String())
}
