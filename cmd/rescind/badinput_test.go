package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/cmd/internal/duration"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const testIssuer = "https://id.test"

// cli runs the command in this process.
func cli(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(stdin), &out, &errs}, environment(nil))
	return code, out.String(), errs.String()
}

// forge is a key ring in a directory, and what can be signed with it.
type forge struct {
	dir  string
	ring *rotation.KeyRing
	now  time.Time
}

func newForge(t *testing.T) forge {
	t.Helper()
	f := forge{dir: filepath.Join(t.TempDir(), "keys"), now: time.Now()}
	var err error
	f.ring, err = rotation.OpenKeyRing(f.dir, rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = f.ring.Generate(verifier.ES256)
	require.NoError(t, err)
	return f
}

// claims is a good payload, but for the members that changes replace.
func (f forge) claims(changes string) string {
	return fmt.Sprintf(`{"iss":"%s","aud":"rescind","sub":"alice","jti":"one","iat":%d,"exp":%d%s}`,
		testIssuer, f.now.Unix(), f.now.Add(time.Hour).Unix(), changes)
}

// signed is a genuine token with these claims.
func (f forge) signed(t *testing.T, typ, claims string) string {
	t.Helper()
	token, err := f.ring.Sign(typ, []byte(claims))
	require.NoError(t, err)
	return token
}

// headed puts another header before a genuine token's claims and signature.
func headed(token, header string) string {
	_, rest, _ := strings.Cut(token, ".")
	return encode(header) + "." + rest
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// TestBadTokens gives token verify what nobody should accept. None of them
// reaches the denylist: it was not named, and asking it would be exit code 3,
// as the genuine token in the first row shows (R1).
func TestBadTokens(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	kid := f.ring.List()[0].ID
	jwks, err := f.ring.JWKS()
	require.NoError(t, err)
	good := f.signed(t, "at+jwt", f.claims(""))
	head, payload, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	replaced := func(from, to string) string { return strings.Replace(f.claims(""), from, to, 1) }
	exp := fmt.Sprintf(`"exp":%d`, f.now.Add(time.Hour).Unix())
	claims := func(claims string) string { return f.signed(t, "at+jwt", claims) }
	keyed := func(members string) string {
		return headed(good, fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"%s"%s}`, kid, members))
	}
	mac := hmac.New(sha256.New, jwks)
	unsigned := encode(`{"alg":"HS256","typ":"at+jwt","kid":"`+kid+`"}`) + "." + payload
	mac.Write([]byte(unsigned))
	confused := unsigned + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))

	for _, row := range []struct {
		name, token string
		code        int
		want        string // of the line "error: …"
	}{
		{"genuine, and nobody was asked", good, exitCannotTell, "the denylist was not asked"},

		{"no token", "", exitUsage, "no token on standard input"},
		{"only spaces", " \n\t ", exitUsage, "no token on standard input"},
		{"one segment", head, exitRefused, verifier.ErrMalformed.Error()},
		{"two segments", head + "." + payload, exitRefused, verifier.ErrMalformed.Error()},
		{"four segments", good + ".x", exitRefused, verifier.ErrMalformed.Error()},
		{"five segments", good + ".x.y", exitRefused, verifier.ErrMalformed.Error()},
		{"no signature", head + "." + payload + ".", exitRefused, ""},
		{"8193 bytes", strings.Repeat("a", 8193), exitRefused, verifier.ErrTooLarge.Error()},
		{"1 MB", strings.Repeat("a", 1<<20), exitRefused, verifier.ErrTooLarge.Error()},
		{"a megabyte of dots", strings.Repeat(".", 1<<20), exitRefused, verifier.ErrTooLarge.Error()},
		{"a line break in a segment", head + ".\r\n" + payload + "." + signature, exitRefused, verifier.ErrMalformed.Error()},
		{"padding", good + "=", exitRefused, verifier.ErrMalformed.Error()},
		{"NUL", "\x00" + good, exitRefused, verifier.ErrMalformed.Error()},

		{"none", headed(good, `{"alg":"none","typ":"at+jwt"}`), exitRefused, ""},
		{"nOnE", headed(good, `{"alg":"nOnE","typ":"at+jwt"}`), exitRefused, ""},
		{"HMAC with the public key set", confused, exitRefused, verifier.ErrAlgorithm.Error()},
		{"another kid", headed(good, `{"alg":"ES256","typ":"at+jwt","kid":"../../etc/passwd"}`), exitRefused, verifier.ErrUnknownKey.Error()},
		{"jwk", keyed(`,"jwk":{}`), exitRefused, verifier.ErrHeader.Error()},
		{"jku", keyed(`,"jku":"https://evil.test"`), exitRefused, verifier.ErrHeader.Error()},
		{"x5u", keyed(`,"x5u":"https://evil.test"`), exitRefused, verifier.ErrHeader.Error()},
		{"crit", keyed(`,"crit":["b64"],"b64":false`), exitRefused, verifier.ErrHeader.Error()},
		{"zip", keyed(`,"zip":"DEF"`), exitRefused, verifier.ErrHeader.Error()},
		{"alg twice", keyed(`,"alg":"none"`), exitRefused, verifier.ErrMalformed.Error()},
		{"a changed header", keyed(`,"x":1`), exitRefused, verifier.ErrSignature.Error()},
		{"a changed signature", forged(good), exitRefused, verifier.ErrSignature.Error()},

		{"payload not an object", claims(`[]`), exitRefused, verifier.ErrMalformed.Error()},
		{"nested deeply", claims(f.claims(`,"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000))), exitRefused, verifier.ErrMalformed.Error()},
		{"jti twice", claims(f.claims(`,"jti":"two"`)), exitRefused, verifier.ErrMalformed.Error()},
		{"JTI for jti", claims(replaced(`"jti"`, `"JTI"`)), exitRefused, verifier.ErrMalformed.Error()},
		{"empty jti", claims(replaced(`"one"`, `""`)), exitRefused, verifier.ErrClaims.Error()},
		{"jti of 257 bytes", claims(replaced(`"one"`, `"`+strings.Repeat("j", 257)+`"`)), exitRefused, verifier.ErrClaims.Error()},
		{"exp absent", claims(replaced(exp, `"x":1`)), exitRefused, verifier.ErrClaims.Error()},
		{"exp a string", claims(replaced(exp, `"exp":"tomorrow"`)), exitRefused, verifier.ErrClaims.Error()},
		{"exp 1e400", claims(replaced(exp, `"exp":1e400`)), exitRefused, verifier.ErrLifetime.Error()},
		{"exp that overflows", claims(replaced(exp, `"exp":18446744073709552`)), exitRefused, verifier.ErrLifetime.Error()},
		{"exp a century ahead", claims(replaced(exp, `"exp":4950000000`)), exitRefused, verifier.ErrLifetime.Error()},
		{"expired", claims(strings.NewReplacer(exp, `"exp":1700000060`, fmt.Sprintf(`"iat":%d`, f.now.Unix()), `"iat":1700000000`).Replace(f.claims(""))), exitRefused, verifier.ErrExpired.Error()},
		{"nbf ahead", claims(f.claims(fmt.Sprintf(`,"nbf":%d`, f.now.Add(30*time.Minute).Unix()))), exitRefused, verifier.ErrNotYetValid.Error()},
		{"another issuer", claims(replaced(testIssuer, "https://other.test")), exitRefused, verifier.ErrIssuer.Error()},
		{"another audience", claims(replaced(`"aud":"rescind"`, `"aud":"other"`)), exitRefused, verifier.ErrAudience.Error()},
		{"a refresh token", f.signed(t, "rt+jwt", f.claims("")), exitRefused, verifier.ErrType.Error()},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := cli(row.token, "token", "verify", "--keys", f.dir, "--issuer", testIssuer)
			assert.Equal(t, row.code, code, "exit code; stderr:\n%s", stderr)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^error: `, stderr)
			assert.Contains(t, stderr, row.want)
			if row.token != "" {
				assert.NotContains(t, stderr, row.token, "the token is echoed")
			}
		})
	}
}

// TestBadCalls gives the command line what it must refuse before it does
// anything, each with its exact first line.
func TestBadCalls(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	unknown := file("unknown.toml", "replay_windows = '1s'\n")
	dashed := file("dashed.toml", "replay-window = '1s'\n")
	number := file("number.toml", "replay_window = 10\n")
	list := file("list.toml", "style = ['pair']\n")
	numbers := file("numbers.toml", "audience = [1]\n")
	table := file("table.toml", "[redis]\nurl = 'x'\n")
	twice := file("twice.toml", "prefix = 'a'\nprefix = 'b'\n")
	bad := file("bad.toml", "style = 'triple'\n")
	large := file("large.toml", strings.Repeat("#", maxConfig+1))

	for _, row := range []struct{ args, want string }{
		{"serve --replay-windows 1s", "serve: unknown flag --replay-windows"},
		{"serve -x", "serve: unknown flag -x"},
		{"serve now", `serve: unexpected argument "now"`},
		{"serve --replay-window", "--replay-window: no value"},
		{"serve --replay-window soon", `--replay-window "soon": ` + duration.ErrInvalid.Error()},
		{"serve --replay-window -1s", `--replay-window "-1s": ` + duration.ErrInvalid.Error()},
		{"serve --replay-window 10", `--replay-window "10": ` + duration.ErrInvalid.Error()},
		{"serve --access-ttl 0", `--access-ttl "0": must be longer than 0`},
		{"serve --style triple", `--style "triple": want pair or single`},
		{"serve --check mirror", "--check is mirror, but redis is not set"},
		{"serve --check loose", `--check "loose": want strict or mirror or confirmed`},
		{"serve --partitions one", `--partitions "one": must be an integer`},
		{"serve --rotate-denies-access=maybe", `--rotate-denies-access "maybe": must be true or false`},
		{"serve --clients file", "--clients is set, but redis is not"},
		{"serve --server http://127.0.0.1", "serve: unknown flag --server"},
		{"serve --config " + unknown, unknown + `: unknown key "replay_windows"`},
		{"serve --config " + dashed, dashed + `: unknown key "replay-window"`},
		{"serve --config " + number, number + `: replay_window: a number does not fit: want a string such as "10s"`},
		{"serve --config " + list, list + ": style: a list does not fit: want a string"},
		{"serve --config " + numbers, numbers + ": audience: want a list of strings"},
		{"serve --config " + table, table + ": redis: a table does not fit: want a string"},
		{"serve --config " + bad, bad + ": style: want pair or single"},
		{"serve --config " + large, fmt.Sprintf("--config: %s has more than %d bytes", large, maxConfig)},
		{"serve --config " + twice, ""},
		{"serve --config " + dir + "/none.toml", ""},
		{"list --jti x", "list: unknown flag --jti"},
		{"list --redis nonsense", ""},
		{"list --redis http://127.0.0.1", ""},
		{"list --redis redis://127.0.0.1:1 --partitions 3", ""},
		{"list --redis redis://127.0.0.1:1 --prefix {x}", ""},
		{"list --server http://user@127.0.0.1", "--server is not the URL of a server"},
		{"check --jti", "--jti: no value"},
		{"users add --users " + dir + "/users.json", "users add: no NAME"},
		{"users add a b --users " + dir + "/users.json", `users add: unexpected argument "b"`},
		{"keys new --alg ES256", "missing --keys"},
		{"token verify --keys " + dir, "missing --issuer"},
		{"token rotate --only both", `--only "both": want access or refresh`},
	} {
		t.Run(row.args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := cli("", strings.Fields(row.args)...)
			assert.Equal(t, exitUsage, code, "exit code; stderr:\n%s", stderr)
			assert.Empty(t, stdout)
			first, _, _ := strings.Cut(stderr, "\n")
			if row.want == "" {
				assert.Regexp(t, `^error: .`, first)
				return
			}
			assert.Equal(t, "error: "+row.want, first)
		})
	}
}
