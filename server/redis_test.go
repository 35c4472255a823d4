package server

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// newRedis returns a store on a Redis of its own, and the server. Its deadlines
// leave room for a busy machine.
func newRedis(t *testing.T) (*denylist.Redis, *redistest.Server) {
	t.Helper()
	return newRedisWithin(t, 10*time.Second)
}

// newRedisWithin is newRedis with deadlines of its own, and a client that has none:
// nothing else ends what a Redis does not answer.
func newRedisWithin(t *testing.T, deadline time.Duration) (*denylist.Redis, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t, "--rdbcompression", "no") // so that a dump shows what is in it
	o := server.Options()
	o.ReadTimeout, o.WriteTimeout = time.Hour, time.Hour
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	store, err := denylist.NewRedis(client, denylist.RedisOptions{CheckTimeout: deadline, WriteTimeout: deadline})
	require.NoError(t, err)
	_, err = store.Inspect(t.Context())
	require.NoError(t, err)
	return store, server
}

// commandStats is INFO commandstats without INFO itself.
func commandStats(t *testing.T, client *redis.Client) (stats []string) {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	for line := range strings.SplitSeq(info, "\r\n") {
		if name, figures, ok := strings.Cut(line, ":calls="); ok && name != "cmdstat_info" {
			calls, _, _ := strings.Cut(figures, ",")
			stats = append(stats, name+" "+calls)
		}
	}
	slices.Sort(stats)
	return stats
}

// R1 over HTTP, as Redis itself counts.
func TestR1_BadInputCostsNoRedisCommand(t *testing.T) {
	store, server := newRedis(t)
	s := newSite(t, siteOptions{redis: store})
	client := server.Client()
	rows := badTokens(s)
	commandStats(t, client) // connects
	before := commandStats(t, client)
	for name, row := range rows {
		for _, route := range []string{"GET /v1/session", "GET /v1/verify", "POST /v1/rotate", "POST /v1/logout", "POST /v1/logout-all"} {
			method, path, _ := strings.Cut(route, " ")
			s.ask(method, path, row.token, "").refused(http.StatusUnauthorized, row.code)
		}
		s.operate("POST", "/v1/revocations", `{"token":`+quoted(row.token)+`,"scope":"token"}`).refused(http.StatusBadRequest, "invalid_request")
		require.Equal(t, before, commandStats(t, client), name)
	}
	s.ask("POST", "/v1/login", "", `{"username":"alice"}`).refused(http.StatusBadRequest, "invalid_request")
	two := httptest.NewRequest("GET", "/v1/verify", nil)
	two.Header["Authorization"] = []string{"Bearer a", "Bearer b"}
	s.send(s.Handler(), two).refused(http.StatusUnauthorized, "token_malformed")
	assert.Equal(t, before, commandStats(t, client))

	s.alive(s.login().AccessToken)
	assert.NotEqual(t, before, commandStats(t, client), "a good token is looked up, or this test proves nothing")
}

// A whole life on Redis, and what an operator sees of it.
func TestRedis_Life(t *testing.T) {
	store, server := newRedis(t)
	s := newSite(t, siteOptions{redis: store})
	first := s.login()
	s.alive(first.AccessToken)
	second := s.rotate(first.RefreshToken)
	s.dead(first.AccessToken)
	s.alive(second.AccessToken)
	s.ask("POST", "/v1/rotate", first.RefreshToken, "").refused(http.StatusUnauthorized, "token_reused")
	s.dead(second.AccessToken)

	third := s.login()
	entry, receipt := s.revoked(`{"token":"` + third.RefreshToken + `","barrier":true}`)
	assert.Equal(t, "session", entry.Scope)
	assert.True(t, receipt.Barrier)
	s.dead(third.AccessToken)
	assert.Equal(t, http.StatusNoContent, s.operate("DELETE", "/v1/revocations/session/"+entry.ID, "").StatusCode)
	s.alive(third.AccessToken)

	s.store = store // a spy is no Inspector
	got := s.operate("GET", "/v1/stats", "")
	assert.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Contains(t, string(got.body), `"fit":true`)
	assert.Contains(t, string(got.body), `"role":"master"`)
	assert.Equal(t, http.StatusOK, s.ask("GET", "/readyz", "", "").StatusCode)

	dump := redisDump(t, server.Client())
	for _, secret := range s.secrets {
		assert.NotContains(t, dump, secret, "R19: a secret in Redis")
	}
}

// redisDump is every key with its value, as Redis serializes them. Two are the
// same where nothing was written.
func redisDump(t *testing.T, client *redis.Client) string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	slices.Sort(keys) // Redis moves them about
	var dump strings.Builder
	for _, key := range keys {
		value, err := client.Dump(t.Context(), key).Result()
		require.NoError(t, err)
		dump.WriteString(key + "\n" + value + "\n")
	}
	return dump.String()
}

// R14 on a Redis that is gone, hangs or is full: never 200, never 401, and
// service resumes by itself.
func TestR14_RedisOutages(t *testing.T) {
	for name, outage := range map[string]struct {
		begin, end func(*redistest.Server)
	}{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"hung":   {(*redistest.Server).Stop, (*redistest.Server).Continue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, server := newRedisWithin(t, time.Second)
			s := newSite(t, siteOptions{redis: store})
			tokens := s.login()
			s.alive(tokens.AccessToken)
			outage.begin(server)
			for _, ask := range []func() reply{
				func() reply { return s.ask("GET", "/v1/verify", tokens.AccessToken, "") },
				func() reply { return s.ask("GET", "/v1/session", tokens.AccessToken, "") },
				func() reply {
					return s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`"}`)
				},
			} {
				ask().refused(http.StatusServiceUnavailable, "denylist_unavailable")
			}
			assert.Equal(t, http.StatusServiceUnavailable, s.ask("GET", "/readyz", "", "").StatusCode)
			outage.end(server)
			require.Eventually(t, func() bool {
				return s.ask("GET", "/v1/verify", tokens.AccessToken, "").StatusCode == http.StatusOK
			}, time.Minute, 20*time.Millisecond)
		})
	}
}
