package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
)

// Mark implements denylist.Marker.
func (s *spyStore) Mark(ctx context.Context, marks ...denylist.Mark) (time.Time, error) {
	if err := s.call(); err != nil {
		return time.Time{}, err
	}
	return s.backend.(denylist.Marker).Mark(ctx, marks...)
}

// Marked implements denylist.Marker.
func (s *spyStore) Marked(ctx context.Context, t denylist.Token) (time.Time, error) {
	return s.backend.(denylist.Marker).Marked(ctx, t)
}

// shownRenewal is what a client reads.
type shownRenewal struct {
	Scope    string `json:"scope"`
	Issuer   string `json:"issuer"`
	ID       string `json:"id"`
	MarkedAt string `json:"marked_at"`
}

// renewed asks for a renewal that must succeed.
func (s *site) renewed(body string) (answer shownRenewal) {
	s.t.Helper()
	got := s.operate("POST", "/v1/renewals", body)
	require.Equal(s.t, http.StatusCreated, got.StatusCode, "%s", got.body)
	got.into(&answer)
	return answer
}

func TestRenewals(t *testing.T) {
	s := newSite(t, siteOptions{rotation: rotation.Options{Style: rotation.Single, MaxAccessLifetime: time.Hour}})
	token := s.login().AccessToken
	claims, err := s.verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"token":   `{"scope":"token","id":` + quoted(claims.ID()) + `}`,
		"session": `{"scope":"session","id":` + quoted(claims.Session()) + `}`,
		"subject": `{"scope":"subject","id":` + quoted(claims.Subject()) + `,"issuer":` + quoted(testIssuer) + `}`,
		"issuer":  `{"scope":"issuer"}`,
	} {
		s.clock.Advance(time.Second)
		answer := s.renewed(body)
		assert.Equal(t, name, answer.Scope)
		assert.Equal(t, testIssuer, answer.Issuer)
		assert.Equal(t, s.clock.Now().Format("2006-01-02T15:04:05.000Z"), answer.MarkedAt)
		at, err := s.list.Marked(t.Context(), claims.Token())
		require.NoError(t, err)
		assert.Equal(t, s.clock.Now().UnixMilli(), at.UnixMilli(), name)
	}
	s.alive(token) // a mark denies nothing

	s.revoked(`{"scope":"session","id":` + quoted(claims.Session()) + `}`)
	s.renewed(`{"scope":"session","id":` + quoted(claims.Session()) + `}`)
	s.dead(token) // and takes no revocation back

	// A mark is forgotten when the last token that it means is dead.
	s.clock.Advance(time.Hour + 2*denylist.MaxLeeway)
	at, err := s.list.Marked(t.Context(), claims.Token())
	require.NoError(t, err)
	assert.Zero(t, at)
	assert.NotContains(t, s.logs.String(), claims.Session(), "logs have no ids")
}

func TestBadInput_Renewals(t *testing.T) {
	s := newSite(t, siteOptions{})
	for name, body := range map[string]string{
		"nothing":             ``,
		"an empty object":     `{}`,
		"no id":               `{"scope":"session"}`,
		"an empty id":         `{"scope":"token","id":""}`,
		"an unknown scope":    `{"scope":"tokens","id":"x"}`,
		"an id too long":      `{"scope":"token","id":"` + strings.Repeat("x", 257) + `"}`,
		"two issuers":         `{"scope":"issuer","id":"https://a.example","issuer":"https://b.example"}`,
		"an unknown member":   `{"scope":"token","id":"x","reason":"roles"}`,
		"a member twice":      `{"scope":"token","id":"x","id":"y"}`,
		"a number":            `{"scope":"token","id":7}`,
		"two objects":         `{"scope":"token","id":"x"}{}`,
		"a list":              `[{"scope":"token","id":"x"}]`,
		"more than 16 KiB":    `{"scope":"token","id":"` + strings.Repeat("x", maxBody) + `"}`,
		"an id that is bytes": "{\"scope\":\"token\",\"id\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			got := s.operate("POST", "/v1/renewals", body)
			got.t = t
			got.refused(http.StatusBadRequest, "invalid_request")
		})
	}
	at, err := s.list.Marked(t.Context(), denylist.Token{Issuer: testIssuer, ID: "x", Session: "x", Subject: "x"})
	require.NoError(t, err)
	assert.Zero(t, at, "nothing is marked")
	for _, row := range []struct {
		method, body, token string
		status              int
		code                string
	}{
		{"POST", `{"scope":"token","id":"x"}`, "", http.StatusUnauthorized, "token_missing"},
		{"POST", `{"scope":"token","id":"x"}`, s.sign("at+jwt", nil), http.StatusUnauthorized, "token_invalid"},
		{"GET", "", testAdminToken, http.StatusMethodNotAllowed, "invalid_request"},
	} {
		calls := s.list.calls.Load()
		r := httptest.NewRequest(row.method, "/v1/renewals", strings.NewReader(row.body))
		if row.token != "" {
			r.Header.Set("Authorization", "Bearer "+row.token)
		}
		s.send(s.AdminHandler(), r).refused(row.status, row.code)
		assert.Equal(t, calls, s.list.calls.Load(), "%s: the store was not asked", row.code)
	}
}

// A store that cannot tell is a 503, and repeating is safe.
func TestR14_Renewals(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.list.broken.Store(true)
	s.operate("POST", "/v1/renewals", `{"scope":"issuer"}`).refused(http.StatusServiceUnavailable, "denylist_unavailable")
}

// Where there is no place for marks, nobody is told that one was made.
func TestRenewals_WithoutMarks(t *testing.T) {
	shared := redistest.Shared(t)
	list, err := denylist.NewRedis(shared.Client(), denylist.RedisOptions{Prefix: shared.Prefix(), Partitions: 16})
	require.NoError(t, err)
	s := newSite(t, siteOptions{redis: list})
	s.operate("POST", "/v1/renewals", `{"scope":"session","id":"x"}`).refused(http.StatusConflict, "not_supported")
	keys, err := shared.Client().Keys(t.Context(), shared.Prefix()+":*:m:*").Result()
	require.NoError(t, err)
	assert.Empty(t, keys)
}

// A mirror has marks in its Redis.
func TestRenewals_BehindAMirror(t *testing.T) {
	shared := redistest.Shared(t)
	list, err := denylist.NewRedis(shared.Client(), denylist.RedisOptions{Prefix: shared.Prefix(), CheckTimeout: time.Second})
	require.NoError(t, err)
	mirror, err := denylist.NewMirror(list, denylist.MirrorOptions{})
	require.NoError(t, err)
	s := newSite(t, siteOptions{redis: list})
	s.store = mirror // the handlers were wired before, and look at it now
	s.renewed(`{"scope":"session","id":"a-session"}`)
	at, err := list.Marked(t.Context(), denylist.Token{Issuer: testIssuer, ID: "x", Session: "a-session"})
	require.NoError(t, err)
	assert.NotZero(t, at)
}
