package rotation_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const day = 24 * time.Hour

func TestKeyRing_EveryAlgorithmSignsWhatItVerifies(t *testing.T) {
	t.Parallel()
	for _, alg := range verifier.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			ring, err := rotation.NewKeyRing(alg, rotation.KeyRingOptions{})
			require.NoError(t, err)
			v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}),
				[]verifier.Issuer{{Name: "us", Keys: ring, Audiences: []string{"api"}}}, verifier.Options{})
			require.NoError(t, err)
			now := time.Now().Unix()
			raw, err := ring.Sign("at+jwt", fmt.Appendf(nil, `{"iss":"us","aud":"api","jti":"1","iat":%d,"exp":%d}`, now, now+60))
			require.NoError(t, err)
			claims, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			assert.Equal(t, ring.List()[0].ID, claims.KeyID())

			header := member(t, raw, 0)
			assert.Equal(t, map[string]any{"alg": string(alg), "kid": claims.KeyID(), "typ": "at+jwt"}, header)
		})
	}
}

func TestKeyRing_LifeOfAKey(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{TokenLife: day, Now: clock.Now})
	require.NoError(t, err)
	first := ring.List()[0]
	assert.Equal(t, rotation.Signing, first.State)
	assert.Equal(t, clock.Now(), first.SignsSince)

	waits, err := ring.Generate(verifier.EdDSA)
	require.NoError(t, err)
	assert.Equal(t, rotation.Waiting, waits.State)
	_, err = ring.Generate(verifier.RS256)
	require.NoError(t, err)

	clock.Advance(time.Hour)
	signs, err := ring.Rotate()
	require.NoError(t, err)
	assert.Equal(t, waits.ID, signs.ID, "the key that has waited longest")
	assert.Equal(t, rotation.Signing, signs.State)
	assert.Equal(t, clock.Now(), signs.SignsSince)
	old := ring.List()[0]
	assert.Equal(t, rotation.Verifying, old.State)

	require.ErrorIs(t, ring.Retire(old.ID, false), rotation.ErrKeyInUse)
	require.ErrorIs(t, ring.Retire(signs.ID, false), rotation.ErrKeyInUse)
	require.ErrorIs(t, ring.Retire("no such", true), verifier.ErrUnknownKey)

	// The last token that it signed lives for a day, a verifier may add two minutes.
	clock.Advance(day + denylist.MaxLeeway)
	_, err = ring.Key(t.Context(), old.ID)
	require.NoError(t, err)
	clock.Set(old.VerifiesUntil)
	_, err = ring.Key(t.Context(), old.ID)
	require.ErrorIs(t, err, verifier.ErrUnknownKey)
	require.NoError(t, ring.Retire(old.ID, false))
	assert.Len(t, ring.List(), 2)
}

func TestKeyRing_RotateMakesAKeyWhereNoneWaits(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.HS384, rotation.KeyRingOptions{})
	require.NoError(t, err)
	next, err := ring.Rotate()
	require.NoError(t, err)
	assert.Equal(t, verifier.HS384, next.Algorithm)
	assert.Equal(t, rotation.Signing, next.State)
	assert.Len(t, ring.List(), 2)
}

func TestKeyRing_RetiringTheSigningKeyLeavesOneThatSigns(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	leaked := ring.List()[0]
	require.NoError(t, ring.Retire(leaked.ID, true))
	require.Len(t, ring.List(), 1)
	assert.Equal(t, rotation.Signing, ring.List()[0].State)
	assert.NotEqual(t, leaked.ID, ring.List()[0].ID)
	_, err = ring.Key(t.Context(), leaked.ID)
	assert.ErrorIs(t, err, verifier.ErrUnknownKey)
}

func TestR2_KeyWithoutKidOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	only, err := ring.Key(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, ring.List()[0].ID, only.ID())
	_, err = ring.Generate(verifier.ES256)
	require.NoError(t, err)
	_, err = ring.Key(t.Context(), "")
	assert.ErrorIs(t, err, verifier.ErrUnknownKey)
}

func TestKeyRing_JWKSIsPublic(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: clock.Now})
	require.NoError(t, err)
	for _, alg := range []verifier.Algorithm{verifier.HS256, verifier.PS256, verifier.EdDSA, verifier.ES512} {
		_, err := ring.Generate(alg)
		require.NoError(t, err)
	}
	data, err := ring.JWKS()
	require.NoError(t, err)
	var set struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(data, &set))
	var algs []any
	for _, jwk := range set.Keys {
		algs = append(algs, jwk["alg"])
		assert.Equal(t, "sig", jwk["use"])
		assert.NotEmpty(t, jwk["kid"])
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			assert.NotContains(t, jwk, private)
		}
	}
	assert.Equal(t, []any{"ES256", "PS256", "EdDSA", "ES512"}, algs, "no symmetric key")

	parsed, err := verifier.ParseJWKS(data, verifier.RS256)
	require.NoError(t, err)
	assert.Len(t, parsed, 4)
}

func TestKeyRing_JWKSLeavesOutTheDeadAndIsNeverNull(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{Now: clock.Now})
	require.NoError(t, err)
	data, err := ring.JWKS()
	require.NoError(t, err)
	assert.JSONEq(t, `{"keys":[]}`, string(data))

	_, err = ring.Generate(verifier.EdDSA)
	require.NoError(t, err)
	_, err = ring.Rotate()
	require.NoError(t, err)
	_, err = ring.Rotate()
	require.NoError(t, err)
	clock.Set(ring.List()[1].VerifiesUntil)
	data, err = ring.JWKS()
	require.NoError(t, err)
	assert.NotContains(t, string(data), ring.List()[1].ID)
	assert.Contains(t, string(data), ring.List()[2].ID)
}

func TestKeyRing_NoSuchAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range []verifier.Algorithm{"", "none", "ES256K", "es256"} {
		_, err := rotation.NewKeyRing(alg, rotation.KeyRingOptions{})
		assert.Error(t, err, "NewKeyRing(%q)", alg)
	}
}

func TestR19_KeyRingShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, alg := range []verifier.Algorithm{verifier.HS256, verifier.ES256, verifier.RS256, verifier.EdDSA} {
		dir := t.TempDir()
		ring, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
		require.NoError(t, err)
		_, err = ring.Generate(alg)
		require.NoError(t, err)
		sessions, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{Issuer: "us"})
		require.NoError(t, err)

		var shown bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&shown, nil))
		for _, value := range []any{ring, sessions, ring.List()} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&shown, verb, value)
			}
			data, err := json.Marshal(value)
			if err == nil {
				shown.Write(data)
			}
			logger.Info("shown", "value", value)
		}
		for form, secret := range secretForms(t, dir) {
			assert.NotContains(t, shown.String(), secret, "%s as %s", alg, form)
		}
	}
}

// secretForms is the first private member of the first key as it might leak.
func secretForms(t *testing.T, dir string) map[string]string {
	t.Helper()
	jwk := keyFileOf(t, dir).Keys[0].JWK
	encoded, _ := jwk["d"].(string)
	if encoded == "" {
		encoded, _ = jwk["k"].(string)
	}
	secret, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(secret), 32)
	secret = secret[:8]
	return map[string]string{
		"base64url": encoded[:12],
		"hex":       fmt.Sprintf("%x", secret),
		"%v":        strings.Trim(fmt.Sprint(secret), "[]"),
		"%#v":       strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}"),
		"raw":       string(secret),
	}
}

func TestKeyRing_ConcurrentUse(t *testing.T) {
	t.Parallel()
	ring, err := rotation.OpenKeyRing(t.TempDir(), rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = ring.Generate(verifier.EdDSA)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				raw, err := ring.Sign("at+jwt", []byte("{}"))
				assert.NoError(t, err)
				_, err = ring.Key(context.Background(), member(t, raw, 0)["kid"].(string))
				assert.NoError(t, err)
				assert.NoError(t, ring.Reload())
				ring.List()
			}
		})
		wg.Go(func() {
			for range 5 {
				_, err := ring.Rotate()
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	assert.Len(t, ring.List(), 21)
}

// member decodes one segment of a token.
func member(t *testing.T, raw string, segment int) map[string]any {
	t.Helper()
	segments := strings.Split(raw, ".")
	require.Len(t, segments, 3)
	data, err := base64.RawURLEncoding.DecodeString(segments[segment])
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(data, &object))
	return object
}
