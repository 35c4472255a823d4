package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

const ourIssuer = "https://id.test"

// ours is an issuer whose public key is in a file.
func ours(t *testing.T) (keyFile string, token func(jti string) string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
	require.NoError(t, err)
	keyFile = filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(keyFile, set, 0o600))
	return keyFile, func(jti string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: "one"}},
			(&jose.SignerOptions{}).WithType("at+jwt"))
		require.NoError(t, err)
		raw, err := jwt.Signed(signer).Claims(map[string]any{
			"iss": ourIssuer, "aud": "rescind", "sub": "alice", "jti": jti, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		}).Serialize()
		require.NoError(t, err)
		return raw
	}
}

// start runs the program until the test ends, and returns a connection to it.
func start(t *testing.T, vars map[string]string, args ...string) *grpc.ClientConn {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- run(ctx, append(args, "--extauthz-addr", "127.0.0.1:0"), func(name string) string { return vars[name] }, in, &stderr)
		_ = in.Close()
	}()
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil {
		code := <-ended
		require.Fail(t, "it does not start", "exit code %d: %s", code, &stderr)
	}
	addr := strings.TrimPrefix(strings.TrimSpace(string(line[:n])), "serving ext_authz on ")
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		stop()
		assert.Equal(t, exitDone, <-ended)
	})
	return conn
}

// passes asks as Envoy does.
func passes(t *testing.T, conn *grpc.ClientConn, token string) (code int) {
	t.Helper()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Headers: map[string]string{"authorization": "Bearer " + token},
		}},
	}})
	require.NoError(t, err)
	if answer.GetOkResponse() != nil {
		return 200
	}
	return int(answer.GetDeniedResponse().GetStatus().GetCode())
}

func TestServesRescindsTokensAndOthers(t *testing.T) {
	t.Parallel()
	for _, check := range []string{"strict", "confirmed", "mirror"} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			keyFile, token := ours(t)
			keycloak, auth0 := idptest.Keycloak(t), idptest.Auth0(t)
			config := filepath.Join(t.TempDir(), "rescind.toml")
			require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
redis = %q
issuer = %q
keys = %q
users = "of rescind only"
check_timeout = "5s"
forward_auth_issuers = [%q]
[[issuers]]
name = %q
audiences = ["account"]
types = ["JWT"]
[[issuers]]
name = %q
audiences = ["https://api.shop.example"]
types = ["JWT"]
insecure_fingerprint = true
`, redis.URL(), ourIssuer, keyFile, keycloak.Name, keycloak.Name, auth0.Name), 0o600))
			conn := start(t, map[string]string{"RESCIND_CONFIG": config}, "--check", check)

			one, theirs := token("one"), keycloak.Token(nil)
			assert.Equal(t, 200, passes(t, conn, one))
			assert.Equal(t, 200, passes(t, conn, theirs))
			assert.Equal(t, 401, passes(t, conn, auth0.Token(nil)), "it is not listed")

			client, err := denylist.OpenURL(redis.URL(), "")
			require.NoError(t, err)
			t.Cleanup(func() { _ = client.Close() })
			list, err := denylist.NewRedis(client, denylist.RedisOptions{CheckTimeout: 5 * time.Second})
			require.NoError(t, err)
			_, err = list.Revoke(t.Context(), denylist.TokenEntry(ourIssuer, "one", time.Now().Add(time.Minute)),
				denylist.SessionEntry(keycloak.Name, "5a0c3e0d-2f0b-4c1d-9a54-3b7d0d7b8a10", time.Time{}))
			require.NoError(t, err)
			require.NoError(t, list.Barrier(t.Context())) // R16: every check that begins now
			assert.Equal(t, 401, passes(t, conn, one))
			assert.Equal(t, 401, passes(t, conn, theirs))
			assert.Equal(t, 200, passes(t, conn, token("two")))

			health := func(want healthpb.HealthCheckResponse_ServingStatus) func() bool {
				return func() bool {
					answer, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
					return err == nil && answer.GetStatus() == want
				}
			}
			require.Eventually(t, health(healthpb.HealthCheckResponse_SERVING), time.Minute, 10*time.Millisecond)
			redis.Kill()
			require.Eventually(t, health(healthpb.HealthCheckResponse_NOT_SERVING), time.Minute, 10*time.Millisecond)
			require.Eventually(t, func() bool { return passes(t, conn, token("three")) == 503 }, time.Minute, 10*time.Millisecond)
		})
	}
}

func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	keyFile, _ := ours(t)
	redis := redistest.Shared(t)
	evicting := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	capitals := filepath.Join(t.TempDir(), "rescind.toml")
	require.NoError(t, os.WriteFile(capitals, []byte("[[Issuers]]\nname = \"https://idp.test\"\naudiences = [\"api\"]\nalgoritms = [\"RS256\"]\n"), 0o600))
	good := map[string]string{"RESCIND_REDIS": redis.URL(), "RESCIND_PREFIX": redis.Prefix(), "RESCIND_ISSUER": ourIssuer, "RESCIND_KEYS": keyFile}
	for _, tt := range []struct {
		name string
		vars map[string]string
		args string
		code int
		want string
	}{
		{"no redis", map[string]string{"RESCIND_REDIS": ""}, "", exitUsage, "missing redis or issuer"},
		{"no issuer", map[string]string{"RESCIND_ISSUER": ""}, "", exitUsage, "missing redis or issuer"},
		{"a password in the URL", map[string]string{"RESCIND_REDIS": "redis://:hunter22@127.0.0.1:1"}, "", exitUsage, "password"},
		{"two passwords", map[string]string{"RESCIND_REDIS_PASSWORD": "hunter22", "RESCIND_REDIS_PASSWORD_FILE": keyFile}, "", exitUsage, "both set"},
		{"a Redis that evicts", map[string]string{"RESCIND_REDIS": evicting.URL()}, "", exitUsage, "evict"},
		{"no Redis there", map[string]string{"RESCIND_REDIS": "redis://127.0.0.1:1"}, "", exitCannotTell, "refused"},
		{"too much leeway", nil, "--leeway 3m", exitUsage, "leeway"},
		{"a check that is none", nil, "--check fast", exitUsage, "strict, confirmed or mirror"},
		{"a duration that is none", map[string]string{"RESCIND_SKEW_MARGIN": "soon"}, "", exitUsage, "skew_margin"},
		{"half of TLS", nil, "--tls-cert cert.pem", exitUsage, "both tls-cert and tls-key"},
		{"an issuer that nobody knows", nil, "--forward-auth-issuers https://other.test", exitUsage, "is not trusted"},
		{"no file of settings", nil, "--config nowhere.toml", exitUsage, "nowhere.toml"},
		{"no such flag", nil, "--redis-password hunter22", exitUsage, "unknown flag"},
		{"words beside the flags", nil, "--insecure-skip-inspection false", exitUsage, `unexpected "false"`},
		{"a misspelt restriction, in capitals", map[string]string{"RESCIND_CONFIG": capitals}, "", exitUsage, `unknown key "Issuers.algoritms"`},
		{"no file of keys", map[string]string{"RESCIND_KEYS": "nowhere.json"}, "", exitUsage, "nowhere.json"},
		{"an issuer without https", map[string]string{"RESCIND_KEYS": "", "RESCIND_ISSUER": "http://id.test"}, "", exitUsage, "want https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			getenv := func(name string) string {
				if value, ok := tt.vars[name]; ok {
					return value
				}
				return good[name]
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append(strings.Fields(tt.args), "--extauthz-addr", "127.0.0.1:0"), getenv, &stdout, &stderr)
			assert.Equal(t, tt.code, code, "%s", &stderr)
			assert.Contains(t, stderr.String(), tt.want)
			assert.Empty(t, stdout.String())
			assert.NotContains(t, stderr.String(), "hunter22", "R19")
		})
	}
	var stdout bytes.Buffer
	assert.Equal(t, exitDone, run(t.Context(), []string{"--help"}, os.Getenv, &stdout, io.Discard))
	assert.Contains(t, stdout.String(), "--forward-auth-issuers")
}

// Issuers that hang are asked at the same time, so that they hold up nobody for
// longer than one of them would.
func TestKeysOfHangingIssuers(t *testing.T) {
	t.Parallel()
	var asked sync.WaitGroup
	asked.Add(3)
	var issuers []verifier.Issuer
	for _, name := range []string{"https://a.test", "https://b.test", "https://c.test"} {
		var once sync.Once
		keys, err := verifier.NewRemote(name, verifier.RemoteOptions{Timeout: time.Minute, Transport: hangs(func(r *http.Request) {
			once.Do(asked.Done)
			<-r.Context().Done()
		})})
		require.NoError(t, err)
		issuers = append(issuers, verifier.Issuer{Name: name, Keys: keys, Audiences: []string{"a"}})
	}
	all, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), issuers, verifier.Options{})
	require.NoError(t, err)
	v := &service{verifier: all, log: slog.New(slog.DiscardHandler), last: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	go func() { asked.Wait(); stop() }() // which needs all three to be waiting
	begun := time.Now()
	assert.False(t, v.refreshKeys(ctx))
	assert.Len(t, v.last, 3)
	assert.Less(t, time.Since(begun), time.Minute, "one after the other")
}

// hangs is a transport that answers nothing (http.RoundTripper).
type hangs func(*http.Request)

func (h hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	h(r)
	return nil, r.Context().Err()
}
