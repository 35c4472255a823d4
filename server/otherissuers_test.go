package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/verifier"
)

// federation is a site that trusts two other issuers, one of them at its door.
func federation(t *testing.T) (*site, *idptest.Issuer, *idptest.Issuer) {
	t.Helper()
	keycloak, auth0 := idptest.Keycloak(t), idptest.Auth0(t)
	var issuers []verifier.Issuer
	for _, i := range []*idptest.Issuer{keycloak, auth0} {
		keys, err := verifier.NewRemote(i.Name, verifier.RemoteOptions{})
		require.NoError(t, err)
		issuers = append(issuers, verifier.Issuer{
			Name: i.Name, Keys: keys, Audiences: []string{"account", "https://api.shop.example"}, Types: []string{"JWT"},
			SessionLife: 10 * 24 * time.Hour, MaxLifetime: time.Hour, InsecureIDFingerprint: true,
		})
	}
	s := newSite(t, siteOptions{issuers: issuers, server: Options{ForwardAuthIssuers: []string{keycloak.Name}}})
	keycloak.At(s.clock.Now)
	auth0.At(s.clock.Now)
	return s, keycloak, auth0
}

func TestOtherIssuers_ForwardAuthOfThoseListed(t *testing.T) {
	t.Parallel()
	s, keycloak, auth0 := federation(t)
	got := s.ask("GET", "/v1/verify", keycloak.Token(nil), "")
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(t, keycloak.Name, got.Header.Get("X-Auth-Issuer"))
	s.ask("GET", "/v1/verify", auth0.Token(nil), "").refused(http.StatusUnauthorized, "token_invalid")
	// R8: nobody else's token is exchanged, and no route of sessions takes it.
	s.ask("POST", "/v1/rotate", keycloak.Token(nil), "").refused(http.StatusUnauthorized, "token_invalid")
	s.ask("POST", "/v1/logout", keycloak.Token(nil), "").refused(http.StatusUnauthorized, "token_invalid")
}

func TestOtherIssuers_RevokedByToken(t *testing.T) {
	t.Parallel()
	s, keycloak, auth0 := federation(t)
	token, sibling := keycloak.Token(nil), keycloak.Token(nil)
	got := s.operate("POST", "/v1/revocations", `{"token":"`+token+`"}`)
	require.Equal(t, http.StatusCreated, got.StatusCode, "%s", got.body)
	s.dead(token)
	s.alive(sibling)

	// Of an issuer that is not at the door as well, and expired.
	got = s.operate("POST", "/v1/revocations", `{"token":"`+auth0.Token(nil)+`"}`)
	assert.Equal(t, http.StatusCreated, got.StatusCode, "%s", got.body)
	now := s.clock.Now().Unix()
	old := keycloak.Token(map[string]any{"iat": now - 120, "exp": now - 1})
	assert.Equal(t, http.StatusCreated, s.operate("POST", "/v1/revocations", `{"token":"`+old+`"}`).StatusCode)

	// What is not genuine revokes nothing; what cannot be told is 503.
	before := s.list.calls.Load()
	forged := keycloak.Token(map[string]any{"iss": auth0.Name, "aud": "https://api.shop.example"})
	s.operateRefused(`{"token":"`+forged+`"}`, http.StatusBadRequest, "token_invalid")
	s.operateRefused(`{"token":"`+keycloak.Token(map[string]any{"iss": "https://nobody.example"})+`"}`, http.StatusBadRequest, "token_invalid")
	assert.Equal(t, before, s.list.calls.Load())
	s2, keycloak2, _ := federation(t)
	keycloak2.Down(true)
	s2.operateRefused(`{"token":"`+keycloak2.Token(nil)+`"}`, http.StatusServiceUnavailable, "denylist_unavailable")
	s2.ask("GET", "/v1/verify", keycloak2.Token(nil), "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
}

// operateRefused asserts what a revocation is refused with.
func (s *site) operateRefused(body string, status int, code string) {
	s.t.Helper()
	got := s.operate("POST", "/v1/revocations", body)
	assert.Equal(s.t, status, got.StatusCode, "%s", got.body)
	assert.Contains(s.t, string(got.body), `"`+code+`"`)
}

// R5: an entry about another issuer stands for as long as its policy says.
func TestR5_EntriesAboutOtherIssuers(t *testing.T) {
	t.Parallel()
	s, keycloak, _ := federation(t)
	margins := denylist.MaxLeeway + time.Minute
	for _, tt := range []struct {
		scope, issuer string
		want          time.Duration
	}{
		{"token", keycloak.Name, time.Hour},
		{"session", keycloak.Name, 10 * 24 * time.Hour},
		{"subject", keycloak.Name, 10 * 24 * time.Hour},
		{"issuer", keycloak.Name, 10 * 24 * time.Hour},
		{"token", "https://nobody.example", foreignLife},
		{"subject", "https://nobody.example", foreignLife},
	} {
		id := `"id":"somebody",`
		if tt.scope == "issuer" {
			id = ""
		}
		got := s.operate("POST", "/v1/revocations", `{"scope":"`+tt.scope+`",`+id+`"issuer":"`+tt.issuer+`"}`)
		require.Equal(t, http.StatusCreated, got.StatusCode, "%s", got.body)
		until := s.clock.Now().Add(tt.want + margins).Format("2006-01-02T15:04:05.000Z")
		assert.Contains(t, string(got.body), `"expires_at":"`+until+`"`, "%s of %s", tt.scope, tt.issuer)
	}
	s.dead(keycloak.Token(nil))
}

func TestOtherIssuers_ReadyOnceTheirKeysWereThere(t *testing.T) {
	t.Parallel()
	s, keycloak, auth0 := federation(t)
	var body readyBody
	got := s.ask("GET", "/readyz", "", "")
	got.into(&body)
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	assert.ElementsMatch(t, []string{"keys: never fetched those of " + keycloak.Name, "keys: never fetched those of " + auth0.Name}, body.Missing)

	for _, task := range s.refreshKeys() {
		require.NoError(t, task.Do(t.Context()), task.Name)
	}
	assert.Equal(t, http.StatusOK, s.ask("GET", "/readyz", "", "").StatusCode)
	auth0.Down(true) // later on: its keys are trusted for a day
	assert.Equal(t, http.StatusOK, s.ask("GET", "/readyz", "", "").StatusCode)

	metrics := string(s.operate("GET", "/metrics", "").body)
	assert.Contains(t, metrics, `rescind_issuer_key_fetches_total{issuer="`+auth0.Name+`",result="success"} 1`)
	assert.Contains(t, metrics, `rescind_issuer_key_fetches_total{issuer="`+auth0.Name+`",result="failure"} 0`)
	assert.Contains(t, metrics, `rescind_issuer_keys{issuer="`+keycloak.Name+`"} 1`)
	assert.Contains(t, metrics, `rescind_issuer_keys_fetched_timestamp_seconds{issuer="`)
}
