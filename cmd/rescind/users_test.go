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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/server"
)

// A user whose sessions cannot be ended is left so that the command can be
// repeated, and what was done is said.
func TestUsersWhenSessionsCannotBeEnded(t *testing.T) {
	t.Parallel()
	var revokes atomic.Int64
	var healthy atomic.Bool
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/stats":
			_, _ = io.WriteString(w, `{"issuer":"https://id.test","entries":{}}`)
		case healthy.Load():
			revokes.Add(1)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"entry":{"scope":"subject","issuer":"https://id.test","id":"x","revoked":{}},"receipt":{"outcome":"recorded"}}`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":"denylist_unavailable","error_description":"It is not known whether this was done."}`)
		}
	}))
	t.Cleanup(api.Close)
	path := filepath.Join(t.TempDir(), "users.json")
	users, err := server.OpenUsers(path)
	require.NoError(t, err)
	alice, err := users.Add("alice", "correct horse battery staple", nil)
	require.NoError(t, err)
	rescind := func(stdin string, args ...string) (int, string) {
		var stderr bytes.Buffer
		vars := map[string]string{"RESCIND_ADMIN_TOKEN": strings.Repeat("a", minAdminToken), "RESCIND_SERVER": api.URL, "RESCIND_USERS": path}
		code := run(context.Background(), args, streams{strings.NewReader(stdin), io.Discard, &stderr}, environment(vars))
		return code, stderr.String()
	}
	works := func(password string) bool {
		_, err := users.Authenticate(context.Background(), "alice", password)
		if err != nil {
			require.ErrorIs(t, err, server.ErrCredentials)
		}
		return err == nil
	}

	code, stderr := rescind("another horse, another staple", "users", "passwd", "alice")
	assert.Equal(t, exitCannotTell, code)
	assert.Contains(t, stderr, "hint: the password is changed, but tokens that were issued before it still work\n")
	assert.Contains(t, stderr, "rescind revoke --sub "+alice.Subject+"\n")
	assert.True(t, works("another horse, another staple"), "the new password")

	code, stderr = rescind("", "users", "remove", "alice")
	assert.Equal(t, exitCannotTell, code)
	assert.Contains(t, stderr, "hint: the user cannot log in any more but is still in "+path)
	assert.False(t, works("another horse, another staple"), "the password of a user who is half removed")
	require.Len(t, users.List(), 1)
	assert.Equal(t, alice.Subject, users.List()[0].Subject)

	healthy.Store(true)
	code, stderr = rescind("", "users", "remove", "alice")
	assert.Equal(t, exitDone, code, stderr)
	assert.EqualValues(t, 1, revokes.Load())
	reopened, err := server.OpenUsers(path)
	require.NoError(t, err)
	assert.Empty(t, reopened.List())
}
