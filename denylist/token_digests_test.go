package denylist

import (
	"encoding/base64"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPrepared_SamePlaces: whatever became of a token after it was prepared,
// and whoever asks, its places are those of its ids.
func TestPrepared_SamePlaces(t *testing.T) {
	t.Parallel()
	one, err := newKeys("", 1)
	require.NoError(t, err)
	other, err := newKeys("other", 16)
	require.NoError(t, err)
	for name, change := range map[string]func(*Token){
		"as it was":         func(*Token) {},
		"another id":        func(t *Token) { t.ID += "x" },
		"another session":   func(t *Token) { t.Session = t.ID },
		"no session":        func(t *Token) { t.Session = "" },
		"another subject":   func(t *Token) { t.Subject = t.Session },
		"no subject":        func(t *Token) { t.Subject = "" },
		"another issuer":    func(t *Token) { t.Issuer = "https://other.example" },
		"ids that swap":     func(t *Token) { t.ID, t.Session = t.Session, t.ID },
		"another login":     func(t *Token) { t.Login = t.ExpiresAt },
		"prepared again":    func(t *Token) { *t = t.Prepared() },
		"changed and again": func(t *Token) { t.ID = "y"; *t = t.Prepared() },
		"like another":      func(t *Token) { *t = preparedLike(Token{Issuer: t.Issuer, ID: "y"}, t.prepared) },
		"like a stranger":   func(t *Token) { *t = preparedLike(Token{Issuer: "x", ID: "y", Session: "z"}, t.prepared) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := tokenOf("s").Prepared()
			require.NotNil(t, token.prepared)
			change(&token)
			plain := token
			plain.prepared = nil
			for range 2 {
				for _, k := range []keys{one, other} {
					assert.Equal(t, k.places(plain), k.places(token))
					assert.Equal(t, plain.digests(k), token.digests(k))
				}
			}
		})
	}
}

func preparedLike(t Token, like *Prepared) Token {
	var p Prepared
	p.Set(t, like)
	return p.Token()
}

// TestPrepared_Digests: the digests are those that keys are made of.
func TestPrepared_Digests(t *testing.T) {
	t.Parallel()
	k, err := newKeys("p", 1)
	require.NoError(t, err)
	full := tokenOf("s").Prepared()
	for s, id := range map[Scope]string{ScopeToken: full.ID, ScopeSession: full.Session, ScopeSubject: full.Subject, ScopeIssuer: ""} {
		got := full.digests(k)[s]
		assert.Equal(t, digest(testIssuer, id), base64.RawURLEncoding.EncodeToString(got[:]), s)
	}
	bare := Token{Issuer: testIssuer, ID: "j"}.Prepared()
	assert.Zero(t, bare.digests(k)[ScopeSession])
	assert.Zero(t, bare.digests(k)[ScopeSubject])
	assert.Nil(t, Token{Issuer: testIssuer}.Prepared().prepared, "no store would take it")
}

// TestPrepared_Shared: copies are used at once, by stores that are not alike.
func TestPrepared_Shared(t *testing.T) {
	t.Parallel()
	token := tokenOf("s").Prepared()
	plain := tokenOf("s")
	var all sync.WaitGroup
	for i := range 8 {
		k, err := newKeys(fmt.Sprint("p", i%3), 1)
		require.NoError(t, err)
		all.Go(func() {
			for range 1000 {
				if !assert.Equal(t, k.places(plain), k.places(token)) {
					return
				}
			}
		})
	}
	all.Wait()
}

func TestToken_String(t *testing.T) {
	t.Parallel()
	token := tokenOf("s")
	assert.Equal(t, fmt.Sprint(token), fmt.Sprintf("%+v", token.Prepared()))
	assert.NotContains(t, fmt.Sprint(token.Prepared()), "0x")
}

func BenchmarkPlaces(b *testing.B) {
	k, err := newKeys("", 1)
	require.NoError(b, err)
	token := tokenOf("0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10")
	for name, token := range map[string]Token{"fresh": token, "prepared": token.Prepared()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.places(token)
			}
		})
	}
}
