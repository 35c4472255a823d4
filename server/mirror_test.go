package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// mirrored is a site whose checks a mirror answers, on real clocks.
type mirrored struct {
	*site
	mirror *denylist.Mirror
	redis  *redistest.Server
	link   *redistest.Proxy // between the site and Redis
}

func newMirrored(t *testing.T, opts denylist.MirrorOptions) *mirrored {
	t.Helper()
	m := &mirrored{redis: redistest.Start(t), site: &site{t: t, people: new(people), logs: new(logBuffer)}}
	m.link = redistest.NewProxy(t, m.redis)
	// Long enough that a busy machine proves it again and again.
	list, err := denylist.NewRedis(m.link.Client(), denylist.RedisOptions{MaxStaleness: 2 * time.Second, CheckTimeout: time.Second})
	require.NoError(t, err)
	m.mirror, err = denylist.NewMirror(list, opts)
	require.NoError(t, err)
	m.ring, err = rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	m.sessions, err = rotation.New(m.ring, m.mirror, rotation.Options{Issuer: testIssuer})
	require.NoError(t, err)
	v, err := verifier.New(m.mirror, []verifier.Issuer{m.sessions.Issuer()}, verifier.Options{})
	require.NoError(t, err)
	m.Server, err = New(m.sessions, v, m.mirror, Options{
		AdminToken: testAdminToken, Login: m.people, Logger: slog.New(slog.NewJSONHandler(m.logs, nil)),
	})
	require.NoError(t, err)
	return m
}

// follow runs the mirror until the test ends, or stop is called.
func (m *mirrored) follow() (stop func()) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.mirror.Run(ctx) }()
	stop = func() {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			assert.ErrorIs(m.t, err, context.Canceled)
		case <-time.After(time.Minute):
			assert.Fail(m.t, "the mirror does not end")
		}
	}
	m.t.Cleanup(stop)
	m.eventually("the mirror is fresh", func() bool { return m.mirror.State() == denylist.MirrorFresh })
	return stop
}

func (m *mirrored) eventually(what string, so func() bool) {
	m.t.Helper()
	require.Eventually(m.t, so, time.Minute, 5*time.Millisecond, what)
}

func (m *mirrored) readiness() (int, string) {
	m.t.Helper()
	got := m.ask("GET", "/readyz", "", "")
	return got.StatusCode, string(got.body)
}

// R15: a server waits for the first load. After that what counts is Redis,
// whatever the mirror does: one that is stale has its checks asked there.
func TestR15_ReadyWaitsForTheFirstLoad(t *testing.T) {
	t.Parallel()
	m := newMirrored(t, denylist.MirrorOptions{})
	tokens := m.login()
	status, body := m.readiness()
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "mirror: it is loading")
	assert.NotContains(t, body, "denylist:", "Redis answers")
	assert.Contains(t, string(m.operate("GET", "/v1/stats", "").body), `"ready":false`)
	m.alive(tokens.AccessToken) // who asks all the same is answered by Redis

	stop := m.follow()
	status, body = m.readiness()
	assert.Equal(t, http.StatusOK, status, body)

	m.link.Refuse()
	status, body = m.readiness()
	assert.Equal(t, http.StatusServiceUnavailable, status, "a fresh mirror of a Redis that is gone: nobody could log in")
	assert.Contains(t, body, "denylist: it cannot tell")
	assert.NotContains(t, body, "mirror:")
	m.eventually("the mirror is stale", func() bool { return m.mirror.State() != denylist.MirrorFresh })
	m.ask("GET", "/v1/verify", tokens.AccessToken, "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
	m.link.Allow()
	m.eventually("ready again", func() bool { status, _ := m.readiness(); return status == http.StatusOK })

	stop()
	require.Equal(t, denylist.MirrorIdle, m.mirror.State())
	status, body = m.readiness()
	assert.Equal(t, http.StatusOK, status, body)
	asked := m.mirror.Stats().Asked
	m.alive(tokens.AccessToken)
	assert.Greater(t, m.mirror.Stats().Asked, asked, "checks ask Redis")
}

// A denylist that is larger than the mirror's limit keeps nobody out: checks
// ask Redis, and the metrics say why.
func TestR15_ReadyWithoutRoom(t *testing.T) {
	t.Parallel()
	m := newMirrored(t, denylist.MirrorOptions{MaxBytes: 1 << 20})
	m.revoked(`{"scope":"session","id":"somebody"}`)
	members := make([]redis.Z, 1000)
	for round := range 80 { // the index is all that a load reads of sessions
		for i := range members {
			digest := sha256.Sum256(fmt.Append(nil, round, i))
			members[i] = redis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: "s:" + base64.RawURLEncoding.EncodeToString(digest[:16])}
		}
		require.NoError(t, m.redis.Client().ZAdd(t.Context(), "rescind:{0}:index", members...).Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- m.mirror.Run(ctx) }()
	m.eventually("the mirror is full", func() bool { return m.mirror.State() == denylist.MirrorFull })
	status, body := m.readiness()
	assert.Equal(t, http.StatusOK, status, body)
	m.alive(m.login().AccessToken)
	assert.Contains(t, string(m.operate("GET", "/metrics", "").body), `rescind_mirror_state{state="full"} 1`)
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
}

// R16: what this server wrote is denied by it before it answers, though its
// mirror may hear of it later. Exchanges are judged by Redis.
func TestR16_ServerReadsItsOwnWrites(t *testing.T) {
	t.Parallel()
	m := newMirrored(t, denylist.MirrorOptions{})
	m.follow()
	for range 20 {
		revoked, ended, exchanged := m.login(), m.login(), m.login()
		for _, tokens := range []tokensBody{revoked, ended, exchanged} {
			m.alive(tokens.AccessToken)
		}
		m.revoked(`{"token":` + quoted(revoked.AccessToken) + `}`)
		m.dead(revoked.AccessToken)
		require.Equal(t, http.StatusNoContent, m.ask("POST", "/v1/logout", ended.AccessToken, "").StatusCode)
		m.dead(ended.AccessToken)
		next := m.rotate(exchanged.RefreshToken)
		m.dead(exchanged.AccessToken)
		m.ask("POST", "/v1/rotate", exchanged.RefreshToken, "").refused(http.StatusUnauthorized, "token_reused")
		m.dead(next.AccessToken)
		m.ask("POST", "/v1/rotate", next.RefreshToken, "").refused(http.StatusUnauthorized, "token_revoked")
	}
	assert.Positive(t, m.mirror.Stats().Answered, "the mirror took part")

	// Taken back, here too.
	tokens := m.login()
	entry, _ := m.revoked(`{"token":` + quoted(tokens.AccessToken) + `}`)
	m.dead(tokens.AccessToken)
	require.Equal(t, http.StatusNoContent, m.operate("DELETE", "/v1/revocations/token/"+entry.ID, "").StatusCode)
	m.alive(tokens.AccessToken)
}

func TestMirrorIsShown(t *testing.T) {
	t.Parallel()
	m := newMirrored(t, denylist.MirrorOptions{})
	page := func() string { return string(m.operate("GET", "/metrics", "").body) }
	assert.Contains(t, page(), `rescind_mirror_state{state="idle"} 1`)
	assert.NotContains(t, page(), "rescind_mirror_freshness_seconds", "it has no copy")

	m.follow()
	tokens := m.login()
	m.alive(tokens.AccessToken)
	m.alive(tokens.AccessToken)
	m.revoked(`{"scope":"session","id":"somebody"}`)
	m.eventually("the mirror has it", func() bool { return m.mirror.Stats().Entries == 1 })
	for _, line := range []string{
		`rescind_mirror_state{state="fresh"} 1`, `rescind_mirror_state{state="idle"} 0`, `rescind_mirror_entries 1`,
		`rescind_mirror_checks_total{by="mirror"} 2`, `rescind_mirror_checks_total{by="redis"} 0`,
		`rescind_mirror_loads_total 1`, `rescind_mirror_gaps_total 0`, `rescind_mirror_forgotten_total 0`,
		`rescind_mirror_shadow_disagreements_total 0`,
		`rescind_token_cache_lookups_total{result="hit"} 1`, `rescind_token_cache_lookups_total{result="miss"} 1`,
		`rescind_token_cache_evictions_total 0`, `rescind_token_cache_voided_total 0`, `rescind_token_cache_entries 1`,
	} {
		assert.Contains(t, page(), line+"\n")
	}
	assert.Contains(t, page(), "\nrescind_mirror_freshness_seconds ")
	assert.Contains(t, page(), "\nrescind_mirror_wakes ")

	var stats struct {
		Ready  bool           `json:"ready"`
		Check  string         `json:"check"`
		Mirror map[string]any `json:"mirror"`
	}
	require.NoError(t, json.Unmarshal(m.operate("GET", "/v1/stats", "").body, &stats))
	assert.True(t, stats.Ready)
	assert.Equal(t, checkMirror, stats.Check)
	assert.Equal(t, "fresh", stats.Mirror["state"])
	assert.EqualValues(t, 1, stats.Mirror["entries"])
	assert.EqualValues(t, 1, stats.Mirror["loads"])
	assert.Positive(t, stats.Mirror["wakes"])
	assert.Positive(t, stats.Mirror["bytes"])
	assert.NotEmpty(t, stats.Mirror["fresh_at"])
	plain := newSite(t, siteOptions{})
	assert.Contains(t, string(plain.operate("GET", "/v1/stats", "").body), `"check":"strict"`)
	assert.NotContains(t, string(plain.operate("GET", "/metrics", "").body), "rescind_mirror_")
}

// TestConfirmedIsShown: who answered is told apart. A few checks at once ask
// Redis, and none is answered by the mirror alone.
func TestConfirmedIsShown(t *testing.T) {
	t.Parallel()
	m := newMirrored(t, denylist.MirrorOptions{Confirmed: true})
	m.follow()
	tokens := m.login()
	m.alive(tokens.AccessToken)
	page := string(m.operate("GET", "/metrics", "").body)
	for _, line := range []string{
		`rescind_mirror_checks_total{by="mirror"} 0`, `rescind_mirror_checks_total{by="confirmed"} 0`, `rescind_mirror_checks_total{by="redis"} 1`,
	} {
		assert.Contains(t, page, line+"\n")
	}
	assert.Contains(t, string(m.operate("GET", "/v1/stats", "").body), `"check":"confirmed"`)
}
