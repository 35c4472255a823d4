package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// shownEntry and the like are what a client reads.
type shownEntry struct {
	Scope     string        `json:"scope"`
	Issuer    string        `json:"issuer"`
	ID        string        `json:"id"`
	Revoked   *shownRevoked `json:"revoked"`
	Rotated   *shownRotated `json:"rotated"`
	ExpiresAt string        `json:"expires_at"`
}

type shownRevoked struct {
	At     string `json:"at"`
	Reason string `json:"reason"`
	Cutoff string `json:"cutoff"`
}

type shownRotated struct {
	At            string `json:"at"`
	EffectiveFrom string `json:"effective_from"`
}

type shownReceipt struct {
	At      string `json:"at"`
	Outcome string `json:"outcome"`
	Barrier bool   `json:"barrier"`
}

// revoked asks for a revocation that must succeed.
func (s *site) revoked(body string) (shownEntry, shownReceipt) {
	s.t.Helper()
	got := s.operate("POST", "/v1/revocations", body)
	require.Equal(s.t, http.StatusCreated, got.StatusCode, "%s", got.body)
	var answer struct {
		Entry   shownEntry   `json:"entry"`
		Receipt shownReceipt `json:"receipt"`
	}
	got.into(&answer)
	return answer.Entry, answer.Receipt
}

func TestAdmin_Token(t *testing.T) {
	s := newSite(t, siteOptions{})
	calls := s.list.calls.Load()
	for name, row := range map[string]struct {
		headers []string
		code    string
	}{
		"none":        {nil, "token_missing"},
		"empty":       {[]string{"Bearer "}, "token_missing"},
		"wrong":       {[]string{"Bearer " + strings.Replace(testAdminToken, "an", "AN", 1)}, "token_invalid"},
		"shorter":     {[]string{"Bearer " + testAdminToken[:40]}, "token_invalid"},
		"longer":      {[]string{"Bearer " + testAdminToken + "x"}, "token_invalid"},
		"Basic":       {[]string{"Basic " + testAdminToken}, "token_missing"},
		"two":         {[]string{"Bearer " + testAdminToken, "Bearer " + testAdminToken}, "token_malformed"},
		"a user's":    {[]string{"Bearer " + s.sign("at+jwt", nil)}, "token_invalid"},
		"in no query": {nil, "token_missing"},
	} {
		for _, route := range []string{
			"GET /v1/revocations", "POST /v1/revocations", "GET /v1/revocations/session/x", "DELETE /v1/revocations/session/x", "GET /v1/stats",
		} {
			t.Run(name+" at "+route, func(t *testing.T) {
				method, path, _ := strings.Cut(route, " ")
				r := httptest.NewRequest(method, path+"?token="+testAdminToken, nil)
				r.Header["Authorization"] = row.headers
				got := s.send(s.AdminHandler(), r)
				got.t = t
				got.refused(http.StatusUnauthorized, row.code)
			})
		}
	}
	assert.Equal(t, calls, s.list.calls.Load(), "nothing was asked or written")
}

func TestNew_Refuses(t *testing.T) {
	s := newSite(t, siteOptions{})
	for name, change := range map[string]func(*Options){
		"a short admin token":        func(o *Options) { o.AdminToken = strings.Repeat("x", 31) },
		"an admin token with spaces": func(o *Options) { o.AdminToken = strings.Repeat("x y ", 32) },
		"a certificate without key":  func(o *Options) { o.TLSCert = "cert.pem" },
		"a key without certificate":  func(o *Options) { o.TLSKey = "key.pem" },
		"a negative time":            func(o *Options) { o.DrainTime = -1 },
		"an idle task":               func(o *Options) { o.Tasks = []Task{{Name: "idle"}} },
	} {
		t.Run(name, func(t *testing.T) {
			opts := s.opts
			change(&opts)
			_, err := New(s.sessions, s.callers, s.list, opts)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "xxx")
		})
	}
	opts := s.opts
	opts.AdminToken = ""
	without, err := New(s.sessions, s.callers, s.list, opts)
	require.NoError(t, err)
	assert.Nil(t, without.AdminHandler(), "no admin token, no admin listener")
}

func TestRevocations_EveryScope(t *testing.T) {
	s := newSite(t, siteOptions{})
	for scope, id := range map[string]func(tokensBody) string{
		"token":   func(tokens tokensBody) string { return idOf(t, s, tokens.AccessToken) },
		"session": func(tokens tokensBody) string { return s.sessionOf(tokens.AccessToken) },
		"subject": func(tokensBody) string { return "7d444840-9dc0-11d1-b245-5ffdce74fad2" },
		"issuer":  func(tokensBody) string { return testIssuer },
	} {
		t.Run(scope, func(t *testing.T) {
			tokens := s.login()
			entry, receipt := s.revoked(fmt.Sprintf(`{"scope":%q,"id":%q,"reason":"stolen","barrier":true}`, scope, id(tokens)))
			assert.Equal(t, scope, entry.Scope)
			assert.Equal(t, testIssuer, entry.Issuer)
			assert.Equal(t, "stolen", entry.Revoked.Reason)
			assert.Equal(t, "2030-01-02T03:04:05.678Z", entry.Revoked.At)
			assert.Equal(t, shownReceipt{"2030-01-02T03:04:05.678Z", "recorded", true}, receipt)
			s.dead(tokens.AccessToken)

			path := "/v1/revocations/" + scope + "/" + url.PathEscape(id(tokens))
			var shown shownEntry
			s.operate("GET", path, "").into(&shown)
			assert.Equal(t, entry, shown)
			assert.Equal(t, http.StatusNoContent, s.operate("DELETE", path, "").StatusCode)
			s.operate("GET", path, "").refused(http.StatusNotFound, "not_found")
			s.operate("DELETE", path, "").refused(http.StatusNotFound, "not_found")
			s.alive(tokens.AccessToken)
		})
	}
}

func (s *site) sessionOf(raw string) string {
	s.t.Helper()
	claims, err := s.sessions.Recognize(s.t.Context(), raw)
	require.NoError(s.t, err)
	return claims.Session()
}

func TestRevocations_Merge(t *testing.T) {
	s := newSite(t, siteOptions{})
	first, receipt := s.revoked(`{"scope":"subject","id":"a","cutoff":"2030-01-02T03:00:00.000Z","reason":"first"}`)
	assert.Equal(t, "recorded", receipt.Outcome)
	assert.Equal(t, "2030-01-02T03:00:00.000Z", first.Revoked.Cutoff)
	_, receipt = s.revoked(`{"scope":"subject","id":"a","cutoff":"2030-01-02T02:00:00+01:00","reason":"second"}`)
	assert.Equal(t, "unchanged", receipt.Outcome)
	later, receipt := s.revoked(`{"scope":"subject","id":"a","expires_at":"2031-01-01T00:00:00Z"}`)
	assert.Equal(t, "merged", receipt.Outcome)
	assert.Equal(t, "first", later.Revoked.Reason)
	assert.Equal(t, "2030-01-02T03:04:05.678Z", later.Revoked.Cutoff, "now, where none is given")
	assert.Equal(t, "2031-01-01T00:00:00.000Z", later.ExpiresAt)
}

// R5: where an end is not known, the longest life of the issuer's tokens
// counts, which is not ours for others.
func TestR5_ExpiryOfWideEntries(t *testing.T) {
	const patient = "https://patient.example"
	s := newSite(t, siteOptions{issuers: []verifier.Issuer{{
		Name: patient, Keys: verifier.Keys{testKey(t)}, Audiences: []string{"rescind"}, MaxLifetime: 200 * 24 * time.Hour,
	}}})
	for issuer, want := range map[string]string{
		testIssuer:              "2030-02-01T03:07:05.678Z", // 30 d, MaxLeeway and the margin
		"https://other.example": "2030-04-02T03:07:05.678Z", // 90 d
		patient:                 "2030-07-21T03:07:05.678Z", // 200 d: as long as the verifier accepts its tokens
	} {
		entry, _ := s.revoked(`{"scope":"subject","id":"a","issuer":"` + issuer + `"}`)
		assert.Equal(t, want, entry.ExpiresAt)
	}
	tokens := s.login()
	entry, _ := s.revoked(`{"token":"` + tokens.RefreshToken + `"}`)
	assert.Equal(t, "2030-02-01T03:07:05.000Z", entry.ExpiresAt, "session_exp, MaxLeeway and the margin")
}

func testKey(t *testing.T) verifier.Key {
	t.Helper()
	key, err := verifier.NewKey("", verifier.HS256, []byte("a secret of more than 32 bytes, for tests"))
	require.NoError(t, err)
	return key
}

func TestRevocations_ByToken(t *testing.T) {
	s := newSite(t, siteOptions{})
	one, two, three := s.login(), s.login(), s.login()

	entry, _ := s.revoked(`{"token":"` + one.RefreshToken + `","reason":"lost"}`)
	assert.Equal(t, "session", entry.Scope, "of a refresh token, its session")
	s.dead(one.AccessToken)

	entry, _ = s.revoked(`{"token":"` + two.AccessToken + `"}`)
	assert.Equal(t, "token", entry.Scope, "of an access token, no more than that")
	s.dead(two.AccessToken)
	s.alive(s.rotate(two.RefreshToken).AccessToken)

	s.clock.Advance(20 * time.Minute)
	_, receipt := s.revoked(`{"token":"` + three.AccessToken + `"}`)
	assert.Equal(t, "obsolete", receipt.Outcome, "expired: nothing to deny")
	s.rotate(three.RefreshToken)
}

// A token that is not ours revokes nothing.
func TestRevocations_TokensThatAreNotOurs(t *testing.T) {
	s := newSite(t, siteOptions{})
	for name, row := range badTokens(s) {
		if !strings.Contains(name, "signature") && !strings.Contains(name, "none") && !strings.Contains(name, "iss") && name != "not a token" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			before := s.list.calls.Load()
			got := s.operate("POST", "/v1/revocations", fmt.Sprintf(`{"token":%q}`, row.token))
			got.t = t
			got.refused(http.StatusBadRequest, row.code)
			assert.Equal(t, before, s.list.calls.Load(), "nothing was written")
		})
	}
}

func TestRevocations_Refuses(t *testing.T) {
	s := newSite(t, siteOptions{})
	token := s.login().AccessToken
	for name, body := range map[string]string{
		"nothing":              `{"reason":"x"}`,
		"no id":                `{"scope":"session"}`,
		"no scope":             `{"id":"x"}`,
		"unknown scope":        `{"scope":"everything","id":"x"}`,
		"long id":              `{"scope":"session","id":"` + strings.Repeat("x", 257) + `"}`,
		"long issuer":          `{"scope":"session","id":"x","issuer":"` + strings.Repeat("x", 257) + `"}`,
		"long reason":          `{"scope":"session","id":"x","reason":"` + strings.Repeat("x", 257) + `"}`,
		"cutoff of a token":    `{"scope":"token","id":"x","cutoff":"2030-01-01T00:00:00Z"}`,
		"cutoff of a session":  `{"scope":"session","id":"x","cutoff":"2030-01-01T00:00:00Z"}`,
		"cutoff ahead":         `{"scope":"subject","id":"x","cutoff":"2030-01-02T04:00:00Z"}`,
		"cutoff a number":      `{"scope":"subject","id":"x","cutoff":1893553445}`,
		"cutoff a day":         `{"scope":"subject","id":"x","cutoff":"2030-01-01"}`,
		"cutoff empty":         `{"scope":"subject","id":"x","cutoff":""}`,
		"expires at never":     `{"scope":"subject","id":"x","expires_at":"never"}`,
		"issuer with an id":    `{"scope":"issuer","issuer":"https://a.example","id":"https://b.example"}`,
		"token and scope":      `{"token":"` + token + `","scope":"session"}`,
		"token and id":         `{"token":"` + token + `","id":"x"}`,
		"token and issuer":     `{"token":"` + token + `","issuer":"x"}`,
		"token and cutoff":     `{"token":"` + token + `","cutoff":"2030-01-01T00:00:00Z"}`,
		"barrier not a truth":  `{"scope":"session","id":"x","barrier":1}`,
		"an instant in base 0": `{"scope":"subject","id":"x","cutoff":"0001-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := s.operate("POST", "/v1/revocations", body)
			got.t = t
			got.refused(http.StatusBadRequest, "invalid_request")
		})
	}
	page, err := s.list.backend.List(t.Context(), denylist.Query{})
	require.NoError(t, err)
	assert.Empty(t, page.Entries, "nothing was written")
}

// An issuer's entry goes by the issuer: as the id, by ?issuer, or as both.
func TestRevocations_IssuerNames(t *testing.T) {
	s := newSite(t, siteOptions{})
	const other = "https://other.example/a b"
	for _, body := range []string{
		`{"scope":"issuer","issuer":"` + other + `"}`,
		`{"scope":"issuer","id":"` + other + `"}`,
		`{"scope":"issuer","issuer":"` + other + `","id":"` + other + `"}`,
	} {
		entry, _ := s.revoked(body)
		assert.Equal(t, other, entry.Issuer)
		assert.Empty(t, entry.ID)
	}
	escaped := url.PathEscape(other)
	for _, path := range []string{escaped, escaped + "?issuer=" + url.QueryEscape(other), "?issuer=" + url.QueryEscape(other)} {
		got := s.operate("GET", "/v1/revocations/issuer/"+path, "")
		assert.Equal(t, http.StatusOK, got.StatusCode, "%s: %s", path, got.body)
	}
	s.operate("GET", "/v1/revocations/issuer/", "").refused(http.StatusNotFound, "not_found")
	s.operate("GET", "/v1/revocations/issuer/x?issuer=y", "").refused(http.StatusBadRequest, "invalid_request")
	entry, _ := s.revoked(`{"scope":"issuer"}`)
	assert.Equal(t, testIssuer, entry.Issuer, "ours, where none is named")
}

func TestRevocations_OddIDs(t *testing.T) {
	s := newSite(t, siteOptions{})
	for _, id := range []string{"a/b", "a%2Fb", "..x", "a?b#c", ":{}", "line\nend", "nul\x00", "zoë", "+", " ", strings.Repeat("x", 256)} {
		for _, issuer := range []string{"", "https://other.example"} {
			body := fmt.Sprintf(`{"scope":"subject","id":%s,"issuer":%q}`, quoted(id), issuer)
			entry, _ := s.revoked(body)
			assert.Equal(t, id, entry.ID)
			path := "/v1/revocations/subject/" + url.PathEscape(id)
			if issuer != "" {
				path += "?issuer=" + url.QueryEscape(issuer)
			}
			assert.Equal(t, http.StatusNoContent, s.operate("DELETE", path, "").StatusCode, "%q", id)
		}
	}
	for _, path := range []string{"subject/%ff", "subject/", "everyone/x", "subject/x?issuer=a&issuer=b", "subject/x?isuer=a", "subject/x?issuer=%zz"} {
		s.operate("GET", "/v1/revocations/"+path, "").refused(http.StatusBadRequest, "invalid_request")
	}
	s.operate("GET", "/v1/revocations/subject/a/b", "").refused(http.StatusNotFound, "not_found")
}

func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}

// R10: an exchange is not undone; what an operator added to it is.
func TestR10_Reinstate(t *testing.T) {
	s := newSite(t, siteOptions{})
	first := s.login()
	s.rotate(first.RefreshToken)
	id := idOf(t, s, first.AccessToken)
	path := "/v1/revocations/token/" + id

	var shown shownEntry
	s.operate("GET", path, "").into(&shown)
	assert.Nil(t, shown.Revoked)
	assert.NotNil(t, shown.Rotated)
	s.operate("DELETE", path, "").refused(http.StatusConflict, "already_spent")

	s.revoked(`{"scope":"token","id":"` + id + `"}`)
	got := s.operate("DELETE", path, "")
	assert.Equal(t, http.StatusOK, got.StatusCode)
	var left struct {
		Entry shownEntry `json:"entry"`
	}
	got.into(&left)
	assert.Nil(t, left.Entry.Revoked)
	assert.Equal(t, shown.Rotated, left.Entry.Rotated)
	s.dead(first.AccessToken)
}

func TestRevocations_List(t *testing.T) {
	s := newSite(t, siteOptions{})
	for i := range 5 {
		s.revoked(fmt.Sprintf(`{"scope":"session","id":"s%d","expires_at":"2032-01-0%dT00:00:00Z"}`, i, i+1))
	}
	s.revoked(`{"scope":"subject","id":"a"}`)
	type page struct {
		Entries []shownEntry `json:"entries"`
		Next    string       `json:"next"`
	}
	var all page
	s.operate("GET", "/v1/revocations", "").into(&all)
	assert.Len(t, all.Entries, 6)
	assert.Empty(t, all.Next)

	var ids []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		require.Less(t, pages, 4)
		var p page
		s.operate("GET", "/v1/revocations?scope=session&limit=2&cursor="+url.QueryEscape(cursor), "").into(&p)
		for _, e := range p.Entries {
			ids = append(ids, e.ID)
		}
		cursor = p.Next
	}
	assert.Equal(t, []string{"s0", "s1", "s2", "s3", "s4"}, ids)

	var none page
	got := s.operate("GET", "/v1/revocations?scope=issuer", "")
	got.into(&none)
	assert.Contains(t, string(got.body), `"entries":[]`)
	for _, query := range []string{"scope=all", "limit=0", "limit=-1", "limit=1001", "limit=x", "cursor=x", "page=2", "limit=1&limit=2", "scope=%zz"} {
		s.operate("GET", "/v1/revocations?"+query, "").refused(http.StatusBadRequest, "invalid_request")
	}
}

// bareStore has neither operators' methods nor a barrier.
type bareStore struct{ denylist.Store }

func TestRevocations_NoBarrier(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.store = struct {
		denylist.Store
		denylist.Operator
	}{s.list, s.list}
	before := s.list.calls.Load()
	s.operate("POST", "/v1/revocations", `{"scope":"session","id":"x","barrier":true}`).refused(http.StatusBadRequest, "invalid_request")
	assert.Equal(t, before, s.list.calls.Load(), "nothing was written")

	_, err := New(s.sessions, s.callers, bareStore{s.list}, s.opts)
	assert.Error(t, err, "an admin token, and nothing that it opens")
}

func TestStats(t *testing.T) {
	s := newSite(t, siteOptions{server: Options{Version: "v1.2.3"}})
	s.revoked(`{"scope":"session","id":"x"}`)
	s.clock.Advance(90 * time.Second)
	got := s.operate("GET", "/v1/stats", "")
	require.Equal(t, http.StatusOK, got.StatusCode)
	var body struct {
		Version  string         `json:"version"`
		Revision string         `json:"revision"`
		Go       string         `json:"go"`
		Issuer   string         `json:"issuer"`
		Started  string         `json:"started_at"`
		Uptime   int            `json:"uptime_seconds"`
		Ready    bool           `json:"ready"`
		Check    string         `json:"check"`
		Entries  map[string]int `json:"entries"`
	}
	got.into(&body)
	assert.Equal(t, "strict", body.Check)
	assert.Equal(t, "v1.2.3", body.Version)
	assert.Equal(t, testIssuer, body.Issuer)
	assert.Equal(t, 90, body.Uptime)
	assert.True(t, body.Ready)
	assert.Equal(t, map[string]int{"token": 0, "session": 1, "subject": 0, "issuer": 0, "total": 1}, body.Entries)
}

func TestMetrics(t *testing.T) {
	s := newSite(t, siteOptions{server: Options{Version: "v1.2.3"}})
	tokens := s.login()
	s.rotate(tokens.RefreshToken)
	s.ask("POST", "/v1/rotate", tokens.RefreshToken, "")
	s.ask("GET", "/v1/verify/"+tokens.AccessToken, tokens.AccessToken, "")
	s.ask("SECRET"+tokens.AccessToken[:20], "/"+tokens.AccessToken, "", "")
	s.list.broken.Store(true)
	s.ask("GET", "/v1/verify", tokens.AccessToken, "")

	got := s.send(s.AdminHandler(), httptest.NewRequest("GET", "/metrics", nil)) // without token
	require.Equal(t, http.StatusOK, got.StatusCode)
	for _, want := range []string{
		`rescind_build_info{version="v1.2.3"} 1`,
		`rescind_logins_total{result="ok"} 1`,
		`rescind_exchanges_total{result="won"} 1`,
		`rescind_exchanges_total{result="reused"} 1`,
		`rescind_denylist_cannot_tell_total 1`,
		`rescind_http_requests_total{code="",route="/v1/login",status="201"} 1`,
		`rescind_http_requests_total{code="token_reused",route="/v1/rotate",status="401"} 1`,
		`rescind_http_requests_total{code="not_found",route="unknown",status="404"} 1`,
		`rescind_http_request_duration_seconds_count{route="/v1/verify"} 2`,
	} {
		assert.Contains(t, string(got.body), want+"\n")
	}
	for _, secret := range s.secrets {
		assert.NotContains(t, string(got.body), secret)
	}
	assert.NotContains(t, string(got.body), tokens.AccessToken[:20])
}

// What was signed with HMAC has no public half.
func TestKeys(t *testing.T) {
	s := newSite(t, siteOptions{})
	got := s.ask("GET", "/.well-known/jwks.json", "", "")
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Equal(t, "public, max-age=300", got.Header.Get("Cache-Control"))
	keys, err := verifier.ParseJWKS(got.body, verifier.RS256)
	require.NoError(t, err)
	v, err := verifier.New(s.list, []verifier.Issuer{{Name: testIssuer, Keys: keys, Audiences: []string{"rescind"}}}, verifier.Options{Now: s.clock.Now})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), s.login().AccessToken)
	assert.NoError(t, err, "another service verifies with them")
	assert.NotContains(t, string(got.body), `"d"`)

	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{Now: s.clock.Now})
	require.NoError(t, err)
	sessions, err := rotation.New(ring, s.list, rotation.Options{Issuer: testIssuer, Now: s.clock.Now})
	require.NoError(t, err)
	v, err = verifier.New(s.list, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	require.NoError(t, err)
	symmetric, err := New(sessions, v, s.list, s.opts)
	require.NoError(t, err)
	got = s.send(symmetric.Handler(), httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	assert.JSONEq(t, `{"keys":[]}`, string(got.body))
}

func TestVersion(t *testing.T) {
	s := newSite(t, siteOptions{server: Options{Version: "v1.2.3"}})
	got := s.ask("GET", "/version", "", "")
	assert.Contains(t, string(got.body), `"version":"v1.2.3"`)
}
