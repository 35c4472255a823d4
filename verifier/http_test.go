package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// behind answers with the id of the token that was let through.
var behind = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	claims, ok := FromContext(r.Context())
	fmt.Fprint(w, ok, " ", claims.ID())
})

func request(t *testing.T, method string, authorization ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/?access_token=in-the-query", nil)
	r.Header["Authorization"] = authorization
	return r
}

// refusal is an answer as a client sees it.
type refusal struct {
	status    int
	code      string
	challenge string
}

func answerOf(t *testing.T, h http.Handler, r *http.Request) refusal {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		return refusal{status: w.Code}
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	assert.NotEmpty(t, body.Description)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, w.Code == http.StatusServiceUnavailable, w.Header().Get("Retry-After") == "1")
	return refusal{w.Code, body.Error, w.Header().Get("WWW-Authenticate")}
}

const (
	noToken = `Bearer realm="rescind"`
	invalid = noToken + `, error="invalid_token"`
)

func TestMiddleware_Answers(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	good := f.token()
	l := &list{deny: map[string]error{
		"revoked": denylist.ErrRevoked, "spent": denylist.ErrReused, "unknown": denylist.ErrUnavailable, "late": context.DeadlineExceeded,
	}}
	h := f.verifier(l, Options{}).Middleware(behind)
	bearer := func(claims map[string]any) []string { return []string{"Bearer " + f.token(claims)} }
	for _, test := range []struct {
		name          string
		authorization []string
		want          refusal
	}{
		{"a good token", []string{"Bearer " + good}, refusal{200, "", ""}},
		{"the scheme in lower case", []string{"bearer " + good}, refusal{200, "", ""}},
		{"two spaces", []string{"Bearer  " + good}, refusal{200, "", ""}},
		{"no header, a token in the query", nil, refusal{401, "token_missing", noToken}},
		{"an empty header", []string{""}, refusal{401, "token_missing", noToken}},
		{"Bearer without a token", []string{"Bearer"}, refusal{401, "token_missing", noToken}},
		{"Bearer and spaces", []string{"Bearer  "}, refusal{401, "token_missing", noToken}},
		{"another scheme", []string{"Basic dXNlcjpwYXNz"}, refusal{401, "token_missing", noToken}},
		{"no scheme", []string{good}, refusal{401, "token_missing", noToken}},
		{"two headers", []string{"Bearer " + good, "Bearer " + good}, refusal{401, "token_malformed", invalid}},
		{"two headers of two schemes", []string{"Basic dXNlcjpwYXNz", "Bearer " + good}, refusal{401, "token_malformed", invalid}},
		{"two tokens in one header", []string{"Bearer " + good + ", Bearer " + good}, refusal{401, "token_malformed", invalid}},
		{"an expired token", bearer(map[string]any{"iat": 1, "exp": 2}), refusal{401, "token_expired", invalid}},
		{"another audience", bearer(map[string]any{"aud": "other"}), refusal{401, "token_invalid", invalid}},
		{"a revoked token", bearer(map[string]any{"jti": "revoked"}), refusal{401, "token_revoked", invalid}},
		{"a spent token", bearer(map[string]any{"jti": "spent"}), refusal{401, "token_reused", invalid}},
		{"the denylist cannot tell", bearer(map[string]any{"jti": "unknown"}), refusal{503, "denylist_unavailable", ""}},
		{"the denylist is late", bearer(map[string]any{"jti": "late"}), refusal{503, "denylist_unavailable", ""}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			assert.Equal(t, test.want, answerOf(t, h, request(t, method, test.authorization...)), "%s: %s", method, test.name)
		}
	}
}

// Every row of the table of bad input has the code that the contract gives
// its error.
func TestMiddleware_BadInput(t *testing.T) {
	t.Parallel()
	codes := map[error]string{
		ErrMissing: "token_missing", ErrTooLarge: "token_malformed", ErrMalformed: "token_malformed", ErrClaims: "token_malformed",
		ErrHeader: "token_invalid", ErrAlgorithm: "token_invalid", ErrUnknownKey: "token_invalid", ErrSignature: "token_invalid",
		ErrIssuer: "token_invalid", ErrAudience: "token_invalid", ErrType: "token_invalid", ErrLifetime: "token_invalid",
		ErrExpired: "token_expired", ErrNotYetValid: "token_not_yet_valid",
	}
	var asked list
	h := newBadForges(t).verifier(&asked).Middleware(behind)
	for _, row := range badTokens(t) {
		got := answerOf(t, h, request(t, http.MethodGet, "Bearer "+row.raw))
		assert.Equal(t, 401, got.status, row.name)
		assert.Equal(t, codes[row.want], got.code, row.name)
	}
	assert.Empty(t, asked.asked)
}

// Over a real connection: HEAD has the status and headers, and no body.
func TestMiddleware_Head(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	server := httptest.NewServer(f.verifier(empty{}, Options{}).Middleware(behind))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		require.NoError(t, err)
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, 401, response.StatusCode)
		assert.Equal(t, noToken, response.Header.Get("WWW-Authenticate"))
		assert.Equal(t, method == http.MethodHead, len(body) == 0)
	}
}

func TestRequireScope(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(empty{}, Options{})
	get := func(h http.Handler) refusal { return answerOf(t, h, request(t, http.MethodGet, "Bearer "+f.token())) }

	assert.Equal(t, refusal{status: 200}, get(v.Middleware(RequireScope("read")(behind))))
	assert.Equal(t, refusal{status: 200}, get(v.Middleware(RequireScope("write", "read")(behind))))
	assert.Equal(t, refusal{status: 200}, get(v.Middleware(RequireScope()(behind))))
	assert.Equal(t,
		refusal{403, "insufficient_scope", noToken + `, error="insufficient_scope", scope="read admin"`},
		get(v.Middleware(RequireScope("read", "admin")(behind))))
	assert.Equal(t, refusal{401, "token_missing", noToken}, get(RequireScope("read")(behind)), "without Middleware nothing is let through")
	assert.Equal(t, refusal{401, "token_missing", noToken}, get(RequireScope()(behind)))
}

func TestRefusal_Write(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		refusal    Refusal
		challenge  string
		retryAfter string
	}{
		{Refusal{Status: 400, Code: "invalid_request"}, "", ""},
		{Refusal{Status: 401, Code: "invalid_credentials"}, noToken, ""},
		{Refusal{Status: 401, Code: "invalid_client", Challenge: `Basic realm="rescind"`}, `Basic realm="rescind"`, ""},
		{Refusal{Status: 403, Code: "insufficient_scope"}, noToken + `, error="insufficient_scope"`, ""},
		{Refusal{Status: 403, Code: "insufficient_scope", Scope: "a\"\r\nX: y\\ b"}, noToken + `, error="insufficient_scope", scope="aX: y b"`, ""},
		{Refusal{Status: 429, Code: "rate_limited", RetryAfter: 5}, "", "5"},
		{Refusal{Status: 503, Code: "denylist_unavailable"}, "", "1"},
	} {
		w := httptest.NewRecorder()
		test.refusal.Write(w)
		assert.Equal(t, test.refusal.Status, w.Code)
		assert.Equal(t, test.challenge, w.Header().Get("WWW-Authenticate"), test.refusal.Code)
		assert.Equal(t, test.retryAfter, w.Header().Get("Retry-After"), test.refusal.Code)
	}
}

func TestRefusalOf(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("%w: down", denylist.ErrUnavailable)
	for _, test := range []struct {
		err  error
		code string
	}{
		{fmt.Errorf("wrapped: %w", ErrExpired), "token_expired"},
		{denylist.ErrExpired, "token_expired"},
		{&denylist.RevokedError{}, "token_revoked"},
		{errors.Join(down, denylist.ErrRevoked), "token_revoked"},
		{denylist.ErrReused, "token_reused"},
		{ErrScope, "insufficient_scope"},
		{down, "denylist_unavailable"},
		{denylist.ErrInvalid, "denylist_unavailable"},
		{errors.New("anything else"), "denylist_unavailable"},
		{nil, "denylist_unavailable"},
	} {
		assert.Equal(t, test.code, RefusalOf(test.err).Code, "%v", test.err)
	}
}

func FuzzBearerToken(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer ", "bearer a.b.c", "Basic a", "Bearer a, Bearer b", "Bearer\ta", "BEARER   x "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		token, err := BearerToken(r)
		if err != nil {
			require.ErrorIs(t, err, ErrMissing)
			require.Empty(t, token)
			return
		}
		require.NotEmpty(t, token)
		require.Contains(t, header, token)
	})
}
