// Package proofs shows the engine's promises on real processes: several
// `rescind serve` on one redis-server, storms, kills and outages. It sees only
// what an operator sees: the binary, HTTP, Redis and the logs.
package proofs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/lab"
	"github.com/rescindhq/rescind/internal/redistest"
)

const (
	issuer   = "https://issuer.test"
	user     = "alice@example.com"
	password = "correct horse battery staple 7"
	// patience is the --check-timeout of storms: what is proven there is what
	// is answered, on a machine that may be busy, not how fast.
	patience = "30s"
	// longWindow is a replay window that no storm here outlasts.
	longWindow = "5m"
	// resumes is far longer than it takes until a server is there, or all is well
	// again, on a machine that has other work to do.
	resumes    = 2 * time.Minute
	adminToken = "an-admin-token-that-only-this-test-knows-0123456789"
)

var binary string // the command under test, built once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rescind-proofs")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "rescind")
		build := exec.Command("go", append(append([]string{"build"}, raceFlag...), "-o", binary, "github.com/rescindhq/rescind/cmd/rescind")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// dependOnSources looks at every source file, so that go test does not take
// the result of an older binary from its cache. Only a test's own looks count,
// not those of TestMain.
func dependOnSources(root string) error {
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".go", ".html", ".lua", ".txt"}, filepath.Ext(path)) {
			_, err = os.Stat(path)
		}
		return err
	})
}

// fleet is several servers on one Redis, with one key ring and one users file.
type fleet struct {
	redis *redistest.Server
	dir   string
	nodes []*node
	http  *http.Client
}

// node is one `rescind serve` process.
type node struct {
	url, admin string
	cmd        *exec.Cmd
	log        *logBuffer
	exited     chan struct{}
}

// newFleet starts n servers; settings are further flags for each of them.
func newFleet(t *testing.T, n int, settings ...string) *fleet {
	t.Helper()
	f := foundFleet(t, redistest.Start(t))
	for range n {
		f.nodes = append(f.nodes, f.start(t, settings...))
	}
	for _, n := range f.nodes {
		f.ready(t, n)
	}
	return f
}

// foundFleet makes what a fleet shares, and no server yet.
func foundFleet(t *testing.T, redis *redistest.Server) *fleet {
	t.Helper()
	require.NoError(t, dependOnSources("../.."))
	f := &fleet{
		redis: redis,
		dir:   t.TempDir(),
		http: &http.Client{
			Timeout: 2 * time.Minute,
			// A server closes a connection on which nothing was asked for five
			// seconds: one that was opened for nothing must not be taken then.
			Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256, IdleConnTimeout: time.Second},
		},
	}
	t.Cleanup(f.http.CloseIdleConnections)
	f.rescind(t, "", "keys", "new", "--keys", f.keys())
	f.rescind(t, password+"\n", "users", "add", user, "--users", f.users())
	return f
}

func (f *fleet) keys() string  { return filepath.Join(f.dir, "keys") }
func (f *fleet) users() string { return filepath.Join(f.dir, "users.json") }

// rescind runs a command to its end and returns what it printed.
func (f *fleet) rescind(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "rescind %s\n%s%s", strings.Join(args, " "), out, stderr.Bytes())
	return string(out)
}

// start starts one server, without waiting for it.
func (f *fleet) start(t *testing.T, settings ...string) *node {
	t.Helper()
	addr, admin := freeAddr(t), freeAddr(t)
	n := &node{url: "http://" + addr, admin: "http://" + admin, log: new(logBuffer), exited: make(chan struct{})}
	n.cmd = exec.Command(binary, append([]string{
		"serve", "--redis", f.redis.URL(), "--keys", f.keys(), "--users", f.users(), "--issuer", issuer,
		"--addr", addr, "--admin-addr", admin, "--log-format", "json",
	}, settings...)...)
	n.cmd.Env = environment()
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	require.NoError(t, n.cmd.Start())
	go func() {
		defer close(n.exited)
		_ = n.cmd.Wait() // killed on purpose
	}()
	t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-n.exited:
		case <-time.After(time.Minute):
			_ = n.cmd.Process.Kill()
			<-n.exited
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", n.url, n.log.String())
		}
		require.NotContains(t, n.log.String(), "DATA RACE", "the race detector in %s", n.url)
	})
	return n
}

// ready waits until a server can tell.
func (f *fleet) ready(t *testing.T, n *node) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := f.get(n.url+"/readyz", "")
		return status == http.StatusOK
	}, resumes, 20*time.Millisecond, "readyz of %s never answered 200", n.url)
}

// pair is the answer to a login or an exchange.
type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
}

// login begins a session on one server.
func (f *fleet) login(t *testing.T, n *node) pair {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
	status, answer, err := f.do(http.MethodPost, n.url+"/v1/login", "", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, status, "login: %s", answer)
	return parsePair(t, answer)
}

// rotate exchanges a token and returns the status with the answer.
func (f *fleet) rotate(n *node, token string) (int, pair, error) {
	status, answer, err := f.do(http.MethodPost, n.url+"/v1/rotate", token, "")
	var p pair
	if err == nil {
		err = json.Unmarshal(answer, &p)
	}
	return status, p, err
}

// verify asks forward auth about a token.
func (f *fleet) verify(n *node, token string) (int, string) { return f.get(n.url+"/v1/verify", token) }

// get returns the status and the error code, or 0 and the transport's error.
func (f *fleet) get(url, token string) (int, string) {
	status, answer, err := f.do(http.MethodGet, url, token, "")
	if err != nil {
		return 0, err.Error()
	}
	var p pair
	_ = json.Unmarshal(answer, &p) // not every answer is JSON
	return status, p.Error
}

// post sends a request without a body of interest and returns the status.
func (f *fleet) post(t *testing.T, url, token, body string) int {
	t.Helper()
	status, _, err := f.do(http.MethodPost, url, token, body)
	require.NoError(t, err)
	return status
}

func (f *fleet) do(method, url, token, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := f.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, answer, err
}

// each runs fn n times at once, released together, and waits for all.
func each(n int, fn func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			fn(i)
		})
	}
	close(gate)
	wg.Wait()
}

func parsePair(t *testing.T, answer []byte) pair {
	t.Helper()
	var p pair
	require.NoError(t, json.Unmarshal(answer, &p), "%s", answer)
	return p
}

// claim reads one claim of a token, without verifying it.
func claim(t *testing.T, token, name string) any {
	t.Helper()
	claims := map[string]any{}
	require.NoError(t, json.Unmarshal(payload(t, token), &claims))
	return claims[name]
}

// environment is this process's, without settings that would leak in.
func environment() []string {
	// The race detector would rest a second at the end of every process.
	env := []string{"RESCIND_ADMIN_TOKEN=" + adminToken, "GORACE=atexit_sleep_ms=0"}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "RESCIND_") && !strings.HasPrefix(kv, "GORACE=") {
			env = append(env, kv)
		}
	}
	return env
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := lab.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// logBuffer is a buffer that a process may write to while a test reads it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// retryable reports whether a client would send the request again: the
// connection broke, or the server could not tell.
func retryable(status int, err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) || status == http.StatusServiceUnavailable
}
