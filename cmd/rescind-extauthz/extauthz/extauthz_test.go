package extauthz_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/rescindhq/rescind/cmd/rescind-extauthz/extauthz"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/verifier"
)

// store is a denylist that fails at will.
type store struct {
	*denylist.Memory
	broken bool
	panics bool
	asked  int
}

func (s *store) Check(ctx context.Context, t denylist.Token) error {
	s.asked++
	if s.panics {
		panic("a fault")
	}
	if s.broken {
		return errors.New("no network")
	}
	return s.Memory.Check(ctx, t)
}

// gateway is what Envoy asks, and whose tokens it knows.
type gateway struct {
	t      *testing.T
	store  *store
	issuer *idptest.Issuer
	client authv3.AuthorizationClient
}

func open(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t, store: &store{Memory: denylist.NewMemory(denylist.MemoryOptions{})}, issuer: idptest.Keycloak(t)}
	keys, err := verifier.NewRemote(g.issuer.Name, verifier.RemoteOptions{})
	require.NoError(t, err)
	v, err := verifier.New(g.store, []verifier.Issuer{{
		Name: g.issuer.Name, Keys: keys, Audiences: []string{"account"}, Types: []string{"JWT"},
	}}, verifier.Options{})
	require.NoError(t, err)
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, extauthz.New(v))
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:gateway", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	g.client = authv3.NewAuthorizationClient(conn)
	return g
}

// question is what Envoy asks of a request with these headers, as it asks by
// default.
func question(headers map[string]string, extensions map[string]string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/orders?scope=admin", Host: "shop.example", Headers: headers,
		}},
		ContextExtensions: extensions,
	}}
}

// raw is the same with encode_raw_headers.
func raw(headers ...[2]string) *authv3.CheckRequest {
	list := &corev3.HeaderMap{}
	for _, h := range headers {
		list.Headers = append(list.Headers, &corev3.HeaderValue{Key: h[0], RawValue: []byte(h[1])})
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{HeaderMap: list},
	}}}
}

func (g *gateway) ask(q *authv3.CheckRequest) *authv3.CheckResponse {
	g.t.Helper()
	answer, err := g.client.Check(g.t.Context(), q)
	require.NoError(g.t, err)
	return answer
}

func bearer(token string) map[string]string {
	return map[string]string{":authority": "shop.example", "authorization": "Bearer " + token}
}

// refused wants this refusal, as rescind's own API writes it.
func (g *gateway) refused(answer *authv3.CheckResponse, httpStatus int, code, why string) {
	g.t.Helper()
	denied := answer.GetDeniedResponse()
	if !assert.NotNil(g.t, denied, why) {
		return
	}
	assert.NotEqual(g.t, int32(codes.OK), answer.GetStatus().GetCode(), why)
	assert.Equal(g.t, httpStatus, int(denied.GetStatus().GetCode()), why)
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	require.NoError(g.t, json.Unmarshal([]byte(denied.GetBody()), &body), why)
	assert.Equal(g.t, code, body.Error, why)
	assert.NotEmpty(g.t, body.Description, why)
	headers := valuesOf(denied.GetHeaders())
	assert.Equal(g.t, "no-store", headers["Cache-Control"], why)
	assert.Equal(g.t, "application/json", headers["Content-Type"], why)
	assert.Equal(g.t, httpStatus != http.StatusServiceUnavailable, headers["Www-Authenticate"] != "", why)
	assert.Equal(g.t, httpStatus == http.StatusServiceUnavailable, headers["Retry-After"] != "", why)
}

func valuesOf(options []*corev3.HeaderValueOption) map[string]string {
	values := map[string]string{}
	for _, o := range options {
		values[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return values
}

func TestAllowedSaysWhoIsAsking(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, q := range []*authv3.CheckRequest{
		question(bearer(g.issuer.Token(map[string]any{"jti": "one"})), nil),
		raw([2]string{"Authorization", "bearer " + g.issuer.Token(map[string]any{"jti": "one"})}),
	} {
		answer := g.ask(q)
		assert.Equal(t, int32(codes.OK), answer.GetStatus().GetCode())
		ok := answer.GetOkResponse()
		require.NotNil(t, ok)
		assert.Equal(t, map[string]string{
			"X-Auth-Issuer":   g.issuer.Name,
			"X-Auth-Subject":  "9b2f3c1e-0a57-4f6c-8f0b-6c1f8a1f2d11",
			"X-Auth-Session":  "5a0c3e0d-2f0b-4c1d-9a54-3b7d0d7b8a10",
			"X-Auth-Scope":    "openid profile email",
			"X-Auth-Token-Id": "one",
		}, valuesOf(ok.GetHeaders()))
		for _, h := range ok.GetHeaders() {
			assert.Equal(t, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD, h.GetAppendAction(), "over the client's own")
		}
		assert.Empty(t, ok.GetHeadersToRemove())
	}
	// What a token does not say, its client may not say either.
	ok := g.ask(question(bearer(g.issuer.Token(map[string]any{"sub": nil, "sid": nil, "scope": nil})), nil)).GetOkResponse()
	assert.ElementsMatch(t, []string{"X-Auth-Subject", "X-Auth-Session", "X-Auth-Scope"}, ok.GetHeadersToRemove())
	assert.Len(t, ok.GetHeaders(), 2)

	ok = g.ask(question(bearer(g.issuer.Token(map[string]any{"sub": "zoë é 100%"})), nil)).GetOkResponse()
	assert.Equal(t, "zo%C3%AB %C3%A9 100%25", valuesOf(ok.GetHeaders())["X-Auth-Subject"])
}

// What an application may take for a header of rescind's is no client's to send,
// where Envoy lets underscores pass.
func TestAllowedRemovesLookalikes(t *testing.T) {
	t.Parallel()
	g := open(t)
	token := g.issuer.Token(nil)
	sent := map[string]string{
		"x_auth_subject": "root", "X-Auth_Scope": "admin", "x_auth-token_id": "1", "x-auth-subject": "root", "x_auth_email": "a", "x_other": "b",
	}
	list := [][2]string{{"authorization", "Bearer " + token}}
	for name, value := range sent {
		list = append(list, [2]string{name, value})
	}
	sent["authorization"] = "Bearer " + token
	for _, q := range []*authv3.CheckRequest{question(sent, nil), raw(list...)} {
		ok := g.ask(q).GetOkResponse()
		require.NotNil(t, ok)
		assert.ElementsMatch(t, []string{"x_auth_subject", "X-Auth_Scope", "x_auth-token_id"}, ok.GetHeadersToRemove())
		assert.Len(t, ok.GetHeaders(), 5)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	g := open(t)
	good := g.issuer.Token(nil)
	for _, tt := range []struct {
		name   string
		ask    *authv3.CheckRequest
		status int
		code   string
	}{
		{"nothing", &authv3.CheckRequest{}, 401, "token_missing"},
		{"no headers", question(nil, nil), 401, "token_missing"},
		{"no token", question(map[string]string{"authorization": "Basic YTpi"}, nil), 401, "token_missing"},
		{"not a token", question(bearer("abc"), nil), 401, "token_malformed"},
		{"two, as Envoy joins them", question(bearer(good+",Bearer "+good), nil), 401, "token_malformed"},
		{"two, in a list", raw([2]string{"authorization", "Bearer " + good}, [2]string{"authorization", "Bearer " + good}), 401, "token_malformed"},
		{"two spellings", question(map[string]string{"authorization": "Bearer " + good, "Authorization": "Bearer " + good}, nil), 401, "token_malformed"},
		{"expired", question(bearer(g.issuer.Token(map[string]any{"exp": time.Now().Unix() - 60, "iat": time.Now().Unix() - 90})), nil), 401, "token_expired"},
		{"another audience", question(bearer(g.issuer.Token(map[string]any{"aud": "shop"})), nil), 401, "token_invalid"},
		{"another issuer", question(bearer(g.issuer.Token(map[string]any{"iss": "https://other.example"})), nil), 401, "token_invalid"},
		{"a scope it lacks", question(bearer(good), map[string]string{"scope": "openid admin"}), 403, "insufficient_scope"},
		{"an empty scope", question(bearer(good), map[string]string{"scope": " "}), 403, "insufficient_scope"},
	} {
		g.refused(g.ask(tt.ask), tt.status, tt.code, tt.name)
	}
	answer := g.ask(question(bearer(good), map[string]string{"scope": "openid admin"}))
	assert.Contains(t, valuesOf(answer.GetDeniedResponse().GetHeaders())["Www-Authenticate"], `scope="openid admin"`)
	assert.NotNil(t, g.ask(question(bearer(good), map[string]string{"scope": "email openid"})).GetOkResponse())
}

// R1: what is refused anyway asks no denylist. R14: what cannot be told is 503.
func TestR14_CannotTell(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.ask(question(bearer("abc"), nil))
	assert.Zero(t, g.store.asked)
	token := g.issuer.Token(nil)
	require.NotNil(t, g.ask(question(bearer(token), nil)).GetOkResponse())
	g.store.broken = true
	g.refused(g.ask(question(bearer(token), nil)), 503, "denylist_unavailable", "no denylist")

	g.store.panics = true
	g.refused(g.ask(question(bearer(token), nil)), 503, "denylist_unavailable", "a fault, of which the others do not die")
	g.store.panics, g.store.broken = false, false
	require.NotNil(t, g.ask(question(bearer(token), nil)).GetOkResponse())

	other := open(t)
	other.issuer.Down(true)
	g.refused(other.ask(question(bearer(other.issuer.Token(nil)), nil)), 503, "denylist_unavailable", "no keys")
}

func TestR16_RevokedIsDenied(t *testing.T) {
	t.Parallel()
	g := open(t)
	token := g.issuer.Token(nil)
	require.NotNil(t, g.ask(question(bearer(token), nil)).GetOkResponse())
	_, err := g.store.Revoke(t.Context(), denylist.SessionEntry(g.issuer.Name, "5a0c3e0d-2f0b-4c1d-9a54-3b7d0d7b8a10", time.Time{}))
	require.NoError(t, err)
	g.refused(g.ask(question(bearer(token), nil)), 401, "token_revoked", "its session")
}

// Whatever Envoy is sent, the answer is a decision, and only a genuine token
// passes.
func FuzzCheck(f *testing.F) {
	v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), []verifier.Issuer{{
		Name: "https://issuer.example", Keys: mustRemote(f), Audiences: []string{"a"},
	}}, verifier.Options{})
	require.NoError(f, err)
	server := extauthz.New(v)
	f.Add("authorization", "Bearer a.b.c", "scope")
	f.Add("Authorization", "\x00", "")
	f.Fuzz(func(t *testing.T, name, value, extension string) {
		for _, q := range []*authv3.CheckRequest{
			question(map[string]string{name: value}, map[string]string{extension: value}), raw([2]string{name, value}),
		} {
			answer, err := server.Check(t.Context(), q)
			require.NoError(t, err)
			require.NotNil(t, answer.GetDeniedResponse())
		}
	})
}

// mustRemote is a key set that nobody answers for.
func mustRemote(f *testing.F) *verifier.Remote {
	keys, err := verifier.NewRemote("https://issuer.example", verifier.RemoteOptions{Transport: offline{}})
	require.NoError(f, err)
	return keys
}

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }
