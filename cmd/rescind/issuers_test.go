package main

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/verifier"
)

// newIDPCommand gives a script identity providers of its own:
//
//	idp start keycloak|auth0             as $KEYCLOAK or $AUTH0
//	idp token NAME FILE [CLAIM=VALUE…]   -60s is an instant
//	idp down|up NAME
func newIDPCommand(t *testing.T) func(*testscript.TestScript, bool, []string) {
	type place struct {
		script *testscript.TestScript
		name   string
	}
	var issuers sync.Map // of *idptest.Issuer, by place
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: idp start|token|down|up NAME …")
		}
		if args[0] == "start" {
			made := map[string]func(testing.TB) *idptest.Issuer{"keycloak": idptest.Keycloak, "auth0": idptest.Auth0}[args[1]](t)
			issuers.Store(place{ts, args[1]}, made)
			ts.Setenv(strings.ToUpper(args[1]), made.Name)
			return
		}
		found, ok := issuers.Load(place{ts, args[1]})
		if !ok {
			ts.Fatalf("idp start %s comes first", args[1])
		}
		issuer := found.(*idptest.Issuer)
		switch args[0] {
		case "down", "up":
			issuer.Down(args[0] == "down")
		case "token":
			claims := map[string]any{}
			for _, change := range args[3:] {
				name, value, _ := strings.Cut(change, "=")
				claims[name] = value
				if ago, err := time.ParseDuration(value); err == nil {
					claims[name] = time.Now().Add(ago).Unix()
				}
			}
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(issuer.Token(claims)+"\n"), 0o600))
		default:
			ts.Fatalf("idp %s: no such command", args[0])
		}
	}
}

// A table is refused by what is wrong in it: a restriction that is misspelt
// would be none.
func TestIssuerTables(t *testing.T) {
	t.Parallel()
	const good = "[[issuers]]\nname = \"https://idp.test\"\naudiences = [\"api\"]\n"
	keys := configFile(t, `{"keys":[]}`)
	for _, tt := range []struct{ name, text, want string }{
		{"misspelt", good + `audience = ["api"]`, `unknown key "issuers.audience"`},
		{"no name", `[[issuers]]` + "\naudiences = [\"api\"]", "issuer 1: no name"},
		{"a table alone", "[issuers]\nname = \"https://idp.test\"", "issuers"},
		{"not a table", `issuers = "https://idp.test"`, "issuers"},
		{"no audience", "[[issuers]]\nname = \"https://idp.test\"", "no audience"},
		{"twice", good + good, "named twice"},
		{"no https", strings.ReplaceAll(good, "https", "http"), "want https"},
		{"not a URL", strings.ReplaceAll(good, "https://idp.test", "idp"), "want an absolute URL"},
		{"jwks that is no URL", good + `jwks = "certs.json"`, "want an absolute URL"},
		{"jwks with a password", good + `jwks = "https://a:hunter22@idp.test/"`, "a URL with a user"},
		{"a name with a password", strings.ReplaceAll(good, "idp.test", "a:hunter22@idp.test"), "a URL with a user"},
		{"jwks and keys", good + "jwks = \"https://idp.test/certs\"\nkeys = \"" + keys + "\"", "both set"},
		{"no file of keys", good + `keys = "nowhere.json"`, "nowhere.json"},
		{"an empty file of keys", good + `keys = "` + keys + `"`, "no keys"},
		{"a lifetime without unit", good + `max_lifetime = 3600`, "issuers"},
		{"a lifetime of 0", good + `max_lifetime = "0"`, "longer than 0"},
		{"a life that is none", good + `session_life = "soon"`, "want a duration"},
		{"an algorithm that is none", good + `algorithms = ["none"]`, "an algorithm that is none"},
		{"no RSA algorithm", good + `rsa_alg = "ES256"`, "no RSA algorithm"},
		{"a scope claim with a meaning", good + `scope_claim = "sub"`, "cannot stand for scope"},
		{"a forward-auth issuer without table", "forward_auth_issuers = [\"https://idp.test/\"]\n" + good, "is in no [[issuers]] table"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stderr := serveRefused(t, configFile(t, tt.text))
			assert.Equal(t, exitUsage, code)
			assert.Contains(t, stderr, tt.want)
			assert.NotContains(t, stderr, "hunter22")
		})
	}
	c := prepared(t, nil, "serve", "--config", configFile(t, good+"types = [\"JWT\", \"\"]\nsession_life = \"10d\"\nmax_lifetime = \"1h\"\nscope_claim = \"scp\"\ninsecure_fingerprint = true"))
	issuers, err := c.otherIssuers()
	assert.NoError(t, err)
	assert.IsType(t, &verifier.Remote{}, issuers[0].Keys)
	issuers[0].Keys = nil
	assert.Equal(t, verifier.Issuer{
		Name: "https://idp.test", Audiences: []string{"api"}, Types: []string{"JWT", ""}, ScopeClaim: "scp",
		MaxLifetime: time.Hour, SessionLife: 10 * day, InsecureIDFingerprint: true,
	}, issuers[0])
	many := strings.Builder{}
	for i := range 65 {
		many.WriteString(strings.ReplaceAll(good, "idp", "idp"+strconv.Itoa(i)))
	}
	_, err = prepare([]string{"serve", "--config", configFile(t, many.String())}, streams{}, environment(nil))
	assert.ErrorContains(t, err, "65 issuers")
}

// serveRefused starts a server that must not start.
func serveRefused(t *testing.T, config string) (code int, stderr string) {
	t.Helper()
	var said bytes.Buffer
	args := []string{"serve", "--config", config, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"}
	code = run(t.Context(), args, streams{new(bytes.Buffer), io.Discard, &said}, environment(nil))
	return code, said.String()
}

// R5: what is set for our own tokens says nothing about an issuer that has no
// table: its sessions may be long.
func TestR5_LifetimeOfAnEntryWithoutATable(t *testing.T) {
	t.Parallel()
	config := configFile(t, "issuer = \"https://id.test\"\n[[issuers]]\nname = \"https://idp.test\"\naudiences = [\"api\"]\nsession_life = \"10h\"\nmax_lifetime = \"2h\"\n")
	for _, tt := range []struct {
		args  string
		scope denylist.Scope
		want  time.Duration
	}{
		{"--config FILE", denylist.ScopeSubject, 0},
		{"--config FILE --issuer https://idp.test", denylist.ScopeSubject, 10 * time.Hour},
		{"--config FILE --issuer https://idp.test", denylist.ScopeToken, 2 * time.Hour},
		{"--config FILE --issuer https://nobody.test", denylist.ScopeSubject, 90 * day},
		{"--config FILE --issuer https://nobody.test", denylist.ScopeToken, 90 * day},
		{"--issuer https://nobody.test", denylist.ScopeSession, 90 * day},
		{"--issuer https://nobody.test --max-refresh-lifetime 100d", denylist.ScopeSession, 100 * day},
	} {
		args := strings.Fields("revoke --max-access-lifetime 1h " + strings.ReplaceAll(tt.args, "FILE", config))
		if !strings.Contains(tt.args, "refresh") {
			args = append(args, "--max-refresh-lifetime", "1h")
		}
		c, err := prepare(args, streams{}, func(string) string { return "" })
		require.NoError(t, err)
		got, err := c.lifetimeOf(denylist.NewMemory(denylist.MemoryOptions{}), denylist.Entry{Scope: tt.scope, Issuer: c.issuer})
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, tt.args)
	}
}
