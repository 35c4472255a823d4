package verifier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestVerify_EveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			f := newForge(t, alg)
			var asked list
			claims, err := f.verifier(&asked, Options{}).Verify(t.Context(), f.token())
			require.NoError(t, err)
			assert.Equal(t, "token-1", claims.ID())
			assert.Equal(t, f.kid, claims.KeyID())
			assert.Equal(t, []denylist.Token{claims.Token()}, asked.asked)

			raw := f.token()
			for i := strings.LastIndexByte(raw, '.') + 1; i < len(raw)-1; i += 7 {
				broken := raw[:i] + string(base64URL[strings.IndexByte(base64URL, raw[i])^1]) + raw[i+1:]
				_, err := f.verifier(&asked, Options{}).Verify(t.Context(), broken)
				assert.ErrorIs(t, err, ErrSignature)
			}
			assert.Len(t, asked.asked, 1)
		})
	}
}

func TestAuthenticate_IgnoringExpiry(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	l := &list{deny: map[string]error{"token-1": denylist.ErrRevoked}}
	v := f.verifier(l, Options{InsecureIgnoreExpiry: true})
	claims, err := v.Authenticate(t.Context(), f.token(map[string]any{"iat": 1000, "exp": 2000}))
	require.NoError(t, err)
	assert.Equal(t, "token-1", claims.ID())
	assert.Empty(t, l.asked)
	_, err = v.Authenticate(t.Context(), f.token(map[string]any{"iat": 1000, "exp": 1000 + 86401}))
	assert.ErrorIs(t, err, ErrLifetime, "everything else is judged as always")
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	with := func(change func(*Issuer)) []Issuer {
		issuer := f.issuer()
		change(&issuer)
		return []Issuer{issuer}
	}
	good := []Issuer{f.issuer()}
	for name, test := range map[string]struct {
		list    Denylist
		issuers []Issuer
		opts    Options
	}{
		"no denylist":                   {nil, good, Options{}},
		"no issuer":                     {&list{}, nil, Options{}},
		"an issuer twice":               {&list{}, []Issuer{f.issuer(), f.issuer()}, Options{}},
		"an issuer without a name":      {&list{}, with(func(i *Issuer) { i.Name = "" }), Options{}},
		"a name of 257 bytes":           {&list{}, with(func(i *Issuer) { i.Name = strings.Repeat("i", 257) }), Options{}},
		"no key set":                    {&list{}, with(func(i *Issuer) { i.Keys = nil }), Options{}},
		"no keys":                       {&list{}, with(func(i *Issuer) { i.Keys = Keys{} }), Options{}},
		"the zero key":                  {&list{}, with(func(i *Issuer) { i.Keys = Keys{f.key, {}} }), Options{}},
		"no audience":                   {&list{}, with(func(i *Issuer) { i.Audiences = nil }), Options{}},
		"an empty audience":             {&list{}, with(func(i *Issuer) { i.Audiences = []string{"api", ""} }), Options{}},
		"a negative lifetime":           {&list{}, with(func(i *Issuer) { i.MaxLifetime = -1 }), Options{}},
		"a leeway over MaxLeeway":       {&list{}, good, Options{Leeway: denylist.MaxLeeway + 1}},
		"a negative leeway":             {&list{}, good, Options{Leeway: -1}},
		"failing open without counting": {&list{}, good, Options{InsecureFailOpen: true}},
	} {
		v, err := New(test.list, test.issuers, test.opts)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
}

// What New was given may change afterwards; the verifier does not.
func TestNew_CopiesThePolicy(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	issuer := f.issuer()
	v, err := New(&list{}, []Issuer{issuer}, Options{Now: testClock})
	require.NoError(t, err)
	issuer.Audiences[0] = "other"
	issuer.Keys.(Keys)[0] = newForge(t, ES256).key
	_, err = v.Verify(t.Context(), f.token())
	assert.NoError(t, err)
}

func TestVerify_Concurrent(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(empty{}, Options{})
	for n := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("token-%d", n)
			raw := f.token(map[string]any{"jti": id})
			for range 500 {
				claims, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
				_, bad := v.Verify(t.Context(), raw+"A")
				require.Error(t, bad)
				require.Equal(t, id, claims.ID())
			}
		})
	}
}

// Whatever comes in, what is accepted is one of the issuer's own tokens, and
// the answer to a spelling never changes.
func FuzzVerify(f *testing.F) {
	forge := newForge(f, HS256)
	forge.secret = []byte(strings.Repeat("fixed secret ", 3))
	key, err := NewKey(forge.kid, HS256, forge.secret)
	require.NoError(f, err)
	forge.key = key
	honest := forge.payload()
	v := forge.verifier(empty{}, Options{})

	f.Add(forge.header(), honest, "")
	f.Add(forge.header(), strings.Replace(honest, `"exp"`, `"EXP"`, 1), "")
	f.Add(`{"alg":"none"}`, honest, "AAAA")
	f.Add(forge.header(), `{"iss":"https://issuer.example","aud":["api","b"],"exp":1.8935544e9,"iat":1893553445.5,"jti":"\u00e9"}`, "")
	f.Fuzz(func(t *testing.T, header, payload, signature string) {
		forge := *forge
		forge.tb = t
		input := segment(header) + "." + segment(payload)
		if signature == "" {
			signature = segment(string(forge.sign(input)))
		}
		raw := input + "." + signature
		claims, err := v.Verify(t.Context(), raw)
		again, errAgain := v.Verify(t.Context(), raw)
		require.Equal(t, claims, again)
		require.Equal(t, err, errAgain)
		if err != nil {
			require.Zero(t, claims)
			require.NotEqual(t, 503, RefusalOf(err).Status, "an unknown error: %v", err)
			return
		}
		require.Equal(t, segment(string(forge.sign(input))), signature)
		require.Equal(t, testIssuer, claims.Issuer())
		require.NotEmpty(t, claims.ID())
		require.True(t, testNow.Before(claims.ExpiresAt()))
		require.LessOrEqual(t, claims.ExpiresAt().Sub(claims.IssuedAt()), defaultMaxLifetime)
		var all map[string]any
		require.NoError(t, claims.Decode(&all))
		require.Equal(t, claims.ID(), all["jti"])
	})
}
