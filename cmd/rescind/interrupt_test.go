package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// Ctrl-C ends a command that waits for standard input, where no read ends by
// itself.
func TestInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"users", "add", "alice", "--users", filepath.Join(t.TempDir(), "users.json")},
		{"token", "inspect"},
	} {
		silent, _ := io.Pipe()
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		var stdout, stderr bytes.Buffer
		code := run(ctx, args, streams{silent, &stdout, &stderr}, environment(nil))
		assert.Equal(t, exitCannotTell, code, args)
		assert.Regexp(t, `^error: reading the \w+: interrupted\n$`, stderr.String())
		assert.Empty(t, stdout.String())
	}
}

// A signal that comes twice is one: keys are not left behind because timeout(1)
// tells both the process and its group.
func TestTheSameSignalTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var stopped atomic.Bool
		afterSignal(ctx, func() { stopped.Store(true) })
		interrupt()
		synctest.Wait()
		time.Sleep(sameSignal - 1)
		synctest.Wait()
		assert.False(t, stopped.Load(), "the second would end it at once")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.True(t, stopped.Load())
	})
}

// A barrier behind a server takes as long as the fleet may lag, and is waited
// for (R16).
func TestBarrierOutlastsTheUsualPatience(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/stats" {
			_, _ = io.WriteString(w, `{"issuer":"https://id.test","entries":{},"inspection":{"max_staleness_ms":60000}}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"entry":{"scope":"token","issuer":"https://id.test","id":"x","revoked":{}},"receipt":{"outcome":"recorded"}}`)
	}))
	t.Cleanup(api.Close)
	vars := map[string]string{"RESCIND_ADMIN_TOKEN": strings.Repeat("a", minAdminToken)}
	c, err := prepare([]string{"revoke", "--server", api.URL}, streams{strings.NewReader(""), io.Discard, io.Discard}, environment(vars))
	require.NoError(t, err)
	list, err := c.openDenylist(t.Context())
	require.NoError(t, err)
	t.Cleanup(list.close)
	entry := denylist.TokenEntry("https://id.test", "x", time.Time{})

	_, err = list.revoke(t.Context(), entry, false)
	require.NoError(t, err)
	assert.Equal(t, remotePatience, list.Store.(*remote).client.Timeout)
	_, err = list.revoke(t.Context(), entry, true)
	require.NoError(t, err)
	assert.Equal(t, remotePatience+time.Minute, list.Store.(*remote).client.Timeout)
}
