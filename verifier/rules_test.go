package verifier

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// A token with everything wrong is refused for what comes first, and each
// step that is put right brings out the next.
func TestR1_Order(t *testing.T) {
	t.Parallel()
	f, stranger := newForge(t, HS256), newForge(t, HS384)
	stranger.secret, stranger.alg = []byte(strings.Repeat("x", 48)), HS256
	l := &list{deny: map[string]error{"token-1": denylist.ErrRevoked}}
	v := f.verifier(l, Options{})

	bad := map[string]any{"iss": "evil", "jti": nil, "aud": "other", "exp": testNow.Unix() - 1, "iat": testNow.Unix() - 100_000}
	header := `{"alg":"none","typ":"JWT","kid":"nobody","crit":[]}`
	expect := func(want error, raw string) {
		t.Helper()
		_, err := v.Verify(t.Context(), raw)
		assert.ErrorIs(t, err, want)
	}
	expect(ErrTooLarge, stranger.text(header, f.payload(bad))+strings.Repeat(".", MaxTokenSize))
	expect(ErrMalformed, stranger.text(header, f.payload(bad))+".")
	expect(ErrHeader, stranger.text(header, f.payload(bad)))
	header = `{"alg":"none","typ":"JWT","kid":"nobody"}`
	expect(ErrIssuer, stranger.text(header, f.payload(bad)))
	delete(bad, "iss")
	expect(ErrAlgorithm, stranger.text(header, f.payload(bad)))
	header = `{"alg":"HS256","typ":"JWT","kid":"nobody"}`
	expect(ErrType, stranger.text(header, f.payload(bad)))
	header = `{"alg":"HS256","typ":"at+jwt","kid":"nobody"}`
	expect(ErrUnknownKey, stranger.text(header, f.payload(bad)))
	header = f.header()
	expect(ErrSignature, stranger.text(header, f.payload(bad)))
	expect(ErrClaims, f.text(header, f.payload(bad)))
	delete(bad, "jti")
	expect(ErrAudience, f.text(header, f.payload(bad)))
	delete(bad, "aud")
	expect(ErrLifetime, f.text(header, f.payload(bad)))
	bad["iat"] = testNow.Unix() - 100
	expect(ErrExpired, f.text(header, f.payload(bad)))
	delete(bad, "exp")
	bad["nbf"] = testNow.Unix() + 1
	expect(ErrNotYetValid, f.text(header, f.payload(bad)))
	assert.Empty(t, l.asked)
	delete(bad, "nbf")
	expect(denylist.ErrRevoked, f.text(header, f.payload(bad)))
	assert.Len(t, l.asked, 1)
}

// Each issuer has its own keys, audiences and policy.
func TestR2_EveryIssuerItsOwnPolicy(t *testing.T) {
	t.Parallel()
	ours, theirs := newForge(t, ES256), newForge(t, EdDSA)
	theirs.kid = ""
	foreign := Issuer{
		Name: "https://idp.example", Keys: Keys{theirs.key}, Audiences: []string{"x", "them"},
		Types: []string{"", "Application/JWT"}, MaxLifetime: 48 * time.Hour, InsecureIDFingerprint: true,
	}
	v, err := New(&list{}, []Issuer{ours.issuer(), foreign}, Options{Now: testClock})
	require.NoError(t, err)
	claims := map[string]any{"iss": foreign.Name, "aud": "them", "jti": nil, "exp": testNow.Add(48 * time.Hour).Unix()}

	for header, typ := range map[string]string{
		`{"alg":"EdDSA"}`:                             "",
		`{"alg":"EdDSA","typ":"JWT"}`:                 "jwt",
		`{"alg":"EdDSA","typ":"aPPlication/jwt"}`:     "jwt",
		`{"alg":"EdDSA","kid":"test-EdDSA","typ":""}`: "",
	} {
		got, err := v.Verify(t.Context(), theirs.text(header, theirs.payload(claims)))
		require.NoError(t, err, header)
		assert.Equal(t, typ, got.Type())
		assert.Equal(t, "test-EdDSA", got.KeyID())
	}
	_, err = v.Verify(t.Context(), theirs.text(`{"alg":"EdDSA","typ":"at+jwt"}`, theirs.payload(claims)))
	assert.ErrorIs(t, err, ErrType)
	_, err = v.Verify(t.Context(), ours.token(map[string]any{"jti": nil}))
	assert.ErrorIs(t, err, ErrClaims)
	_, err = v.Verify(t.Context(), ours.token(map[string]any{"aud": "them"}))
	assert.ErrorIs(t, err, ErrAudience)
	_, err = v.Verify(t.Context(), ours.token(map[string]any{"exp": claims["exp"]}))
	assert.ErrorIs(t, err, ErrLifetime)
}

// An error of a key set that is not "unknown key" is "cannot tell".
func TestR2_KeySetThatCannotTell(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	down := errors.New("keys: connection refused")
	issuer := f.issuer()
	issuer.Keys = failingKeys{down}
	v, err := New(&list{}, []Issuer{issuer}, Options{Now: testClock})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), f.token())
	require.ErrorIs(t, err, down)
	assert.Equal(t, 503, RefusalOf(err).Status)
}

type failingKeys struct{ err error }

func (k failingKeys) Key(context.Context, string) (Key, error) { return Key{}, k.err }

// The fingerprint is of the claims: a token that is signed again, or whose
// ECDSA signature is turned into its twin, is the same token.
func TestR3_FingerprintOfTheClaims(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	issuer := f.issuer()
	issuer.InsecureIDFingerprint = true
	v, err := New(&list{}, []Issuer{issuer}, Options{Now: testClock})
	require.NoError(t, err)
	id := func(raw string) string {
		claims, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		return claims.ID()
	}
	anonymous := map[string]any{"jti": nil}
	first := f.token(anonymous)
	assert.Equal(t, id(first), id(f.token(anonymous)))
	assert.Equal(t, id(first), id(twin(t, first)))
	assert.Equal(t, id(first), id(f.text(`{"typ":"at+jwt","alg":"ES256"}`, f.payload(anonymous))))
	assert.NotEqual(t, id(first), id(f.token(anonymous, map[string]any{"sub": "user-2"})))
	assert.Equal(t, "token-1", id(f.token()))
	assert.LessOrEqual(t, len(id(first)), denylist.MaxID)

	_, err = v.Verify(t.Context(), f.token(map[string]any{"jti": ""}))
	assert.ErrorIs(t, err, ErrClaims, "a jti that is there is judged as always")
}

// twin turns an ES256 signature (r, s) into (r, n-s), which verifies as well.
func twin(t *testing.T, raw string) string {
	t.Helper()
	at := strings.LastIndexByte(raw, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(raw[at:])
	require.NoError(t, err)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return raw[:at] + base64.RawURLEncoding.EncodeToString(signature)
}

func TestR3_TwinSignatureIsOneToken(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	raw := f.token()
	require.NotEqual(t, raw, twin(t, raw))
	l := &list{deny: map[string]error{}}
	v := f.verifier(l, Options{})
	for _, spelling := range []string{raw, twin(t, raw)} {
		_, err := v.Verify(t.Context(), spelling)
		require.NoError(t, err)
	}
	l.deny["token-1"] = &denylist.RevokedError{Entry: denylist.TokenEntry(testIssuer, "token-1", time.Time{})}
	for _, spelling := range []string{raw, twin(t, raw)} {
		_, err := v.Verify(t.Context(), spelling)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
	}
}

func TestR3_OneTo256Bytes(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(&list{}, Options{})
	for _, jti := range []string{"a", strings.Repeat("a", 256), strings.Repeat("é", 128), "a:b{}%/ \"'", "𝔘", "日本"} {
		claims, err := v.Verify(t.Context(), f.token(map[string]any{"jti": jti}))
		require.NoError(t, err, jti)
		assert.Equal(t, jti, claims.ID())
	}
	claims, err := v.Verify(t.Context(), f.text(f.header(), strings.Replace(f.payload(), `"jti":"token-1"`, `"\u006ati":"t\u006fken\/\ud835\udd18"`, 1)))
	require.NoError(t, err)
	assert.Equal(t, "token/𝔘", claims.ID(), "an escape is the character that it stands for")
}

// Whatever the policy's lifetime is, exp is a date: nothing lives for ever.
func TestR3_ExpIsCapped(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	issuer := f.issuer()
	issuer.MaxLifetime = math.MaxInt64
	v, err := New(&list{}, []Issuer{issuer}, Options{Now: testClock, Leeway: denylist.MaxLeeway})
	require.NoError(t, err)
	for exp, want := range map[string]error{
		"2000000000": nil, "11000000000": nil, "253402300799": nil,
		"253402300800": ErrLifetime, "9223372036854775807": ErrLifetime, "18446744073709552": ErrLifetime, "1e400": ErrLifetime,
	} {
		_, err := v.Verify(t.Context(), f.token(map[string]any{"exp": jsontext.Value(exp)}))
		assert.ErrorIs(t, err, want, exp)
	}
}

// exp is exact: refused from exp + leeway on, not before, to the nanosecond.
func TestR5_ExpToTheNanosecond(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	for _, leeway := range []time.Duration{0, 30 * time.Second, denylist.MaxLeeway} {
		for _, exp := range []string{fmt.Sprint(testNow.Unix()), fmt.Sprint(testNow.Unix()) + ".000000000999"} {
			raw := f.token(map[string]any{"exp": jsontext.Value(exp), "iat": testNow.Unix() - 60})
			at := func(d time.Duration) error {
				v := f.verifier(&list{}, Options{Leeway: leeway, Now: func() time.Time { return testNow.Add(d) }})
				_, err := v.Verify(t.Context(), raw)
				return err
			}
			assert.NoError(t, at(leeway-time.Nanosecond), "leeway %v", leeway)
			assert.ErrorIs(t, at(leeway), ErrExpired, "leeway %v", leeway)
			assert.ErrorIs(t, at(leeway+time.Hour), ErrExpired, "leeway %v", leeway)
		}
	}
}

func TestR5_NbfAndIatToTheNanosecond(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	for _, leeway := range []time.Duration{0, 30 * time.Second} {
		for _, claim := range []string{"nbf", "iat"} {
			raw := f.token(map[string]any{claim: testNow.Unix()})
			at := func(d time.Duration) error {
				v := f.verifier(&list{}, Options{Leeway: leeway, Now: func() time.Time { return testNow.Add(d) }})
				_, err := v.Verify(t.Context(), raw)
				return err
			}
			if claim == "nbf" {
				raw = f.token(map[string]any{"nbf": testNow.Unix(), "iat": testNow.Unix() - 3600})
			}
			assert.NoError(t, at(-leeway), "%s, leeway %v", claim, leeway)
			assert.ErrorIs(t, at(-leeway-time.Nanosecond), ErrNotYetValid, "%s, leeway %v", claim, leeway)
		}
	}
}

// A process that is suspended between the clock and the denylist may ask when
// the entry is gone: what has expired by then is not accepted.
func TestR5_SuspendedBeforeTheCheck(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	now := testNow
	var l list
	v := f.verifier(suspended{&l, func() { now = testNow.Add(time.Hour) }}, Options{Now: func() time.Time { return now }})
	_, err := v.Verify(t.Context(), f.token())
	assert.ErrorIs(t, err, ErrExpired)
	assert.Len(t, l.asked, 1)
}

// suspended is a denylist that is asked late.
type suspended struct {
	Denylist
	sleep func()
}

func (s suspended) Check(ctx context.Context, t denylist.Token) error {
	s.sleep()
	return s.Denylist.Check(ctx, t)
}

func TestR7_ExactExpiry(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(&list{}, Options{Leeway: 30 * time.Second, ExactExpiry: true})
	_, err := v.Authenticate(t.Context(), f.token(map[string]any{"iat": testNow.Unix() - 60, "exp": testNow.Unix()}))
	assert.ErrorIs(t, err, ErrExpired, "no leeway on exp")
	_, err = v.Authenticate(t.Context(), f.token(map[string]any{"iat": testNow.Unix() + 30, "nbf": testNow.Unix() + 30}))
	assert.NoError(t, err, "but on iat and nbf")
}

func TestR14_CannotTell(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	down := fmt.Errorf("%w: connection refused", denylist.ErrUnavailable)
	odd := errors.New("a store of somebody else")
	for _, test := range []struct {
		name  string
		check error
		opens bool
	}{
		{"unavailable", down, true},
		{"unknown outcome", denylist.ErrUnknown, true},
		{"another store's error", odd, true},
		{"deadline", context.DeadlineExceeded, true},
		{"a denial", denylist.ErrRevoked, false},
		{"a denial with its entry", &denylist.RevokedError{}, false},
		{"a denial, and the rest unavailable", errors.Join(down, denylist.ErrRevoked), false},
		{"spent", denylist.ErrReused, false},
		{"expired by the store's clock", denylist.ErrExpired, false},
		{"a token that the store refuses", denylist.ErrInvalid, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := &list{deny: map[string]error{"token-1": test.check}}
			_, err := f.verifier(l, Options{}).Verify(t.Context(), f.token())
			assert.ErrorIs(t, err, test.check, "closed is the default")

			var counted []error
			v := f.verifier(l, Options{InsecureFailOpen: true, OnFailOpen: func(cause error) { counted = append(counted, cause) }})
			claims, err := v.Verify(t.Context(), f.token())
			if test.opens {
				require.NoError(t, err)
				assert.Equal(t, "token-1", claims.ID())
				assert.Equal(t, []error{test.check}, counted)
			} else {
				assert.ErrorIs(t, err, test.check)
				assert.Zero(t, claims)
				assert.Empty(t, counted)
			}
		})
	}
}
