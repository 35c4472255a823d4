package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tmaxmax/go-sse"
)

const goodChange = "id: 2\nevent: change\ndata: " + `{"at":"2026-11-22T15:05:21.102Z","scope":"session","digest":"f0i4","revoked":true,` +
	`"expires_at":"2026-12-22T15:08:16.000Z","entry":{"scope":"session","issuer":"https://id.test","id":"\u001b[2J",` +
	`"revoked":{"at":"2026-11-22T15:05:21.102Z"},"expires_at":"2026-12-22T15:08:16.000Z"}}` + "\n\n"

// watchServer runs watch against a server whose streams are these, one after
// another, and after the last of them refuses everything.
func watchServer(t *testing.T, args []string, bodies ...string) (code int, stdout, stderr string, asked []string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/stats", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://id.test"}`)
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		if len(bodies) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"token_invalid","error_description":"The admin token is wrong."}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, bodies[0])
		bodies = bodies[1:]
	})
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	var out, errs bytes.Buffer
	vars := map[string]string{"RESCIND_ADMIN_TOKEN": strings.Repeat("a", minAdminToken)}
	code = run(t.Context(), append([]string{"watch", "--server", api.URL}, args...), streams{nil, &out, &errs}, environment(vars))
	return code, out.String(), errs.String(), asked
}

func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	const begin, gap = "id: 1\n\n", "id: 9\nevent: gap\ndata: {}\n\n"
	code, stdout, stderr, asked := watchServer(t, nil, begin, begin+": still here\n\n"+goodChange+"id: 3\nevent: news\ndata: {}\n\n"+gap, "id: 9\n\n")
	assert.Equal(t, exitUsage, code, "the admin token is wrong now: there is no use in going on")
	assert.Equal(t, "2026-11-22T15:05:21.102Z  session  \"\\x1b[2J\"  revoked\n", stdout, "nothing drives a terminal")
	assert.Contains(t, stderr, "changes were missed: rescind list")
	assert.Equal(t, []string{"", "1", "", "9"}, asked)

	_, stdout, _, _ = watchServer(t, []string{"--json"}, begin, gap, begin)
	assert.Equal(t, "{\"gap\":true}\n", stdout)
}

// What comes again when it is asked for again is no outage.
func TestWatchDoesNotGuess(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]string{
		"not JSON":         "id: 2\nevent: change\ndata: {\n\n",
		"an unknown scope": strings.ReplaceAll(goodChange, `"session"`, `"planet"`),
		"a wrong instant":  strings.Replace(goodChange, "2026-11-22T15:05:21.102Z", "yesterday", 1),
		"an entry of none": strings.Replace(goodChange, `"revoked":{"at":"2026-11-22T15:05:21.102Z"},`, "", 1),
	} {
		code, stdout, stderr, _ := watchServer(t, nil, "id: 1\n\n", event)
		assert.Equal(t, exitCannotTell, code, name)
		assert.Empty(t, stdout, name)
		assert.Contains(t, stderr, "not understood", name)
	}
	code, _, stderr, _ := watchServer(t, nil, "event: hello\ndata: you\n\n")
	assert.Equal(t, exitCannotTell, code)
	assert.Contains(t, stderr, "does not say where")
}

func TestWatchInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/stats" {
			_, _ = io.WriteString(w, `{"issuer":"https://id.test"}`)
			return
		}
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	vars := map[string]string{"RESCIND_ADMIN_TOKEN": strings.Repeat("a", minAdminToken)}
	c, err := prepare([]string{"watch", "--server", silent.URL}, streams{nil, io.Discard, io.Discard}, environment(vars))
	require.NoError(t, err)
	list, err := c.openDenylist(t.Context())
	require.NoError(t, err)
	t.Cleanup(list.close)
	ctx, interrupt := context.WithCancel(t.Context())
	w := &watcher{call: c, follower: list.Store.(*remote)}
	done := make(chan error, 1)
	go func() { done <- w.run(ctx) }()
	interrupt()
	assert.NoError(t, <-done)
}

func FuzzReadEvents(f *testing.F) {
	f.Add("id: 1\n\n" + goodChange + "id: 9\nevent: gap\ndata: {}\n\n")
	f.Add(": still here\n\ndata\r\rid: \x00\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		err := readEvents(strings.NewReader(body), func(e sse.Event) error {
			if c, err := changeIn(e); err == nil {
				assert.NotZero(t, c.Scope)
			}
			return nil
		})
		assert.Error(t, err, "a stream has no end that is good")
	})
}
