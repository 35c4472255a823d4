package verifier

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

const (
	testIssuer   = "https://issuer.example"
	testAudience = "api"
)

// testNow is what every clock in these tests says.
var testNow = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)

func testClock() time.Time { return testNow }

// forge makes tokens, honest and other ones.
type forge struct {
	tb     testing.TB
	kid    string
	alg    Algorithm
	secret any // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or []byte
	key    Key // its public half
}

// forges makes each algorithm's key once: RSA keys take their time.
var forges = sync.OnceValue(func() map[Algorithm]any {
	bits := map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()}
	secrets := map[Algorithm]any{}
	must := func(secret any, err error) any {
		if err != nil {
			panic(err)
		}
		return secret
	}
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	for _, alg := range Algorithms() {
		switch alg.family() {
		case familyHMAC:
			secret := make([]byte, alg.hash().Size())
			must(rand.Read(secret))
			secrets[alg] = secret
		case familyPKCS1, familyPSS:
			secrets[alg] = rsaKey
		case familyECDSA:
			secrets[alg] = must(ecdsa.GenerateKey(bits[alg], rand.Reader))
		case familyEdDSA:
			_, secret, err := ed25519.GenerateKey(rand.Reader)
			secrets[alg] = must(secret, err)
		}
	}
	return secrets
})

func newForge(tb testing.TB, alg Algorithm) *forge {
	tb.Helper()
	f := &forge{tb: tb, kid: "test-" + string(alg), alg: alg, secret: forges()[alg]}
	key, err := NewKey(f.kid, alg, f.public())
	require.NoError(tb, err)
	f.key = key
	return f
}

// public is what NewKey takes.
func (f *forge) public() any {
	if private, ok := f.secret.(crypto.Signer); ok {
		return private.Public()
	}
	return f.secret
}

// sign returns the signature over input.
func (f *forge) sign(input string) []byte {
	digested := []byte(input)
	hash := f.alg.hash()
	if f.alg.family() != familyHMAC && hash != 0 {
		digested = digest(hash, digested)
	}
	var signature []byte
	var err error
	switch secret := f.secret.(type) {
	case []byte:
		mac := hmac.New(hash.New, secret)
		mac.Write(digested)
		signature = mac.Sum(nil)
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, secret, digested)
		size := (secret.Curve.Params().BitSize + 7) / 8
		signature, err = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), signErr
	case *rsa.PrivateKey:
		var opts crypto.SignerOpts = hash
		if f.alg.family() == familyPSS {
			opts = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
		}
		signature, err = secret.Sign(rand.Reader, digested, opts)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(secret, digested)
	}
	require.NoError(f.tb, err)
	return signature
}

// text signs a header and a payload as they are.
func (f *forge) text(header, payload string) string {
	input := segment(header) + "." + segment(payload)
	return input + "." + segment(string(f.sign(input)))
}

func segment(data string) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }

// header is the honest header.
func (f *forge) header() string {
	return fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, f.alg, f.kid)
}

// token signs the honest claims, but for those that are given; a claim that is
// nil is left out.
func (f *forge) token(claims ...map[string]any) string {
	return f.text(f.header(), f.payload(claims...))
}

func (f *forge) payload(claims ...map[string]any) string {
	all := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "user-1", "jti": "token-1", "sid": "session-1",
		"iat": testNow.Unix(), "exp": testNow.Add(15 * time.Minute).Unix(), "scope": "read write",
	}
	for _, some := range claims {
		maps.Copy(all, some)
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(all, json.Deterministic(true))
	require.NoError(f.tb, err)
	return string(payload)
}

// verifier trusts the forge's tokens.
func (f *forge) verifier(list Denylist, opts Options) *Verifier {
	f.tb.Helper()
	if opts.Now == nil {
		opts.Now = testClock
	}
	v, err := New(list, []Issuer{f.issuer()}, opts)
	require.NoError(f.tb, err)
	return v
}

func (f *forge) issuer() Issuer {
	return Issuer{Name: testIssuer, Keys: Keys{f.key}, Audiences: []string{testAudience}}
}

// list is a Denylist that answers by id and counts what it is asked.
type list struct {
	mu    sync.Mutex
	asked []denylist.Token
	deny  map[string]error // by jti
}

func (l *list) Check(_ context.Context, t denylist.Token) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, t)
	return l.deny[t.ID]
}
