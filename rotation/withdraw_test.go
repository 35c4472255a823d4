package rotation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestWithdraw_DeniesEverythingAtOnceAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	leaked := h.ring.List()[0].ID
	before := h.login()
	h.accepts(before.Access) // and is in the cache of the verifier now
	_, err := h.ring.Withdraw(leaked)
	require.NoError(t, err)

	_, err = h.api.Verify(t.Context(), before.Access)
	require.ErrorIs(t, err, verifier.ErrKeyWithdrawn)
	refusal := verifier.RefusalOf(err)
	assert.Equal(t, 401, refusal.Status)
	assert.Equal(t, "token_invalid", refusal.Code)
	assert.Equal(t, "The signing key was withdrawn: log in again.", refusal.Description)
	h.refuses(before.Refresh, verifier.ErrKeyWithdrawn)
	require.ErrorIs(t, h.Logout(t.Context(), before.Refresh), verifier.ErrKeyWithdrawn)

	after := h.login()
	h.accepts(after.Access)
	assert.NotEqual(t, leaked, member(t, after.Access, 0)["kid"], "another key signs at once")
	_, err = h.api.Verify(t.Context(), before.Access)
	assert.ErrorIs(t, err, verifier.ErrKeyWithdrawn, "not only the first time")
	assert.EqualValues(t, 1, h.api.CacheStats().Voided)
}

// What was signed with a leaked key is not exchanged for what the next one signs,
// however long the exchange takes.
func TestWithdraw_DuringAnExchange(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rotation.KeyRing, string) error{
		"withdrawn": func(ring *rotation.KeyRing, kid string) error { _, err := ring.Withdraw(kid); return err },
		"retired":   func(ring *rotation.KeyRing, kid string) error { return ring.Retire(kid, true) },
	} {
		for _, style := range []rotation.Style{rotation.Pair, rotation.Single} {
			var h *house
			leaked := ""
			h = newHouse(t, rotation.Options{Style: style, Claims: func(context.Context, rotation.ClaimsRequest) (rotation.FreshClaims, error) {
				if leaked == "" {
					return rotation.FreshClaims{}, nil
				}
				return rotation.FreshClaims{}, end(h.ring, leaked)
			}})
			stolen := h.login()
			leaked = h.ring.List()[0].ID
			raw := stolen.Refresh
			if style == rotation.Single {
				raw = stolen.Access
			}
			tokens, err := h.Exchange(t.Context(), raw, rotation.Attempt{})
			require.Equal(t, 401, verifier.RefusalOf(err).Status, "%s: %v", name, err)
			assert.Zero(t, tokens)
		}
	}
}

// What was exchanged before its key was withdrawn has the next key's signature.
// A revocation of the issuer ends that, since no forged login is later than it.
func TestR6_ALoginInTheFutureIsNotExchanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	forged := func(login time.Time) string {
		now, at := h.clock.Now().Unix(), login.Unix()
		raw, err := h.ring.Sign("rt+jwt", fmt.Appendf(nil, `{"iss":%q,"sub":"s","aud":%q,"jti":"j","sid":"2e7a4f5e-6c0a-4e55-9f0f-3a53c6d1a001",`+
			`"iat":%d,"exp":%d,"auth_time":%d,"auth_ms":%d,"session_exp":%d,"rot":0,"access_exp":%d}`,
			issuer, issuer, now, now+3600, at, login.UnixMilli(), now+1<<30, now))
		require.NoError(t, err)
		return raw
	}
	h.refuses(forged(h.clock.Now().Add(denylist.MaxLeeway+time.Minute)), rotation.ErrNotExchangeable)
	h.refuses(forged(h.clock.Now().AddDate(30, 0, 0)), rotation.ErrNotExchangeable)
	h.noEntries()
	h.exchange(forged(h.clock.Now().Add(denylist.MaxLeeway)))
}

func TestWithdraw_WhateverTheKeyDid(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: clock.Now})
	require.NoError(t, err)
	_, err = ring.Rotate()
	require.NoError(t, err)
	waits, err := ring.Generate(verifier.ES256)
	require.NoError(t, err)
	verifies, signs := ring.List()[0], ring.List()[1]
	for i, key := range []rotation.KeyInfo{verifies, signs, waits} {
		info, err := ring.Withdraw(key.ID)
		require.NoError(t, err)
		assert.Equal(t, rotation.Withdrawn, info.State)
		assert.Equal(t, clock.Now(), info.WithdrawnAt)
		_, err = ring.Key(t.Context(), key.ID)
		require.ErrorIs(t, err, verifier.ErrKeyWithdrawn)
		jwks, err := ring.JWKS()
		require.NoError(t, err)
		assert.NotContains(t, string(jwks), key.ID)
		again, err := ring.Withdraw(key.ID)
		require.NoError(t, err)
		assert.Equal(t, info, again)
		_, err = ring.Sign("at+jwt", []byte("{}"))
		require.NoError(t, err, "%d", i)
	}
	_, err = ring.Withdraw("no such")
	require.ErrorIs(t, err, verifier.ErrUnknownKey)
	require.ErrorIs(t, ring.Retire(signs.ID, false), rotation.ErrKeyInUse, "its tokens would no longer be told why")
}

// The file keeps the name and forgets the secret; other processes follow.
func TestWithdraw_InADirectory(t *testing.T) {
	t.Parallel()
	dir, clock := t.TempDir(), newClock()
	opts := rotation.KeyRingOptions{TokenLife: day, Now: clock.Now}
	one, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	leaked, err := one.Generate(verifier.ES256)
	require.NoError(t, err)
	two, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	secret := keyFileOf(t, dir).Keys[0].JWK["d"].(string)

	_, err = one.Withdraw(leaked.ID)
	require.NoError(t, err)
	file, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	require.NoError(t, err)
	assert.NotContains(t, string(file), secret)
	require.NoError(t, two.Reload())
	_, err = two.Key(t.Context(), leaked.ID)
	require.ErrorIs(t, err, verifier.ErrKeyWithdrawn)
	assert.Equal(t, one.List(), two.List())
	raw, err := two.Sign("at+jwt", []byte("{}"))
	require.NoError(t, err)
	assert.NotEqual(t, leaked.ID, member(t, raw, 0)["kid"])

	t.Run("until its last token is dead", func(t *testing.T) {
		clock.Advance(day + denylist.MaxLeeway)
		_, err := two.Withdraw(two.List()[1].ID)
		require.NoError(t, err)
		_, err = two.Key(t.Context(), leaked.ID)
		require.ErrorIs(t, err, verifier.ErrKeyWithdrawn)
		clock.Advance(time.Hour)
		_, err = two.Withdraw(two.List()[2].ID)
		require.NoError(t, err)
		_, err = two.Key(t.Context(), leaked.ID)
		require.ErrorIs(t, err, verifier.ErrUnknownKey)
	})
}

func TestWithdraw_FilesThatAreNone(t *testing.T) {
	t.Parallel()
	const good = `"created_at":"2026-03-01T12:00:00Z","withdrawn_at":"2026-03-01T12:00:00Z","verifies_until":"2026-03-02T12:00:00Z","kid":"a","alg":"ES256"`
	for name, test := range map[string]struct {
		record string
		want   error
	}{
		"good":        {good, nil},
		"no end":      {`"created_at":"2026-03-01T12:00:00Z","withdrawn_at":"2026-03-01T12:00:00Z","kid":"a","alg":"ES256"`, rotation.ErrKeyFile},
		"no kid":      {`"created_at":"2026-03-01T12:00:00Z","withdrawn_at":"2026-03-01T12:00:00Z","verifies_until":"2026-03-02T12:00:00Z","alg":"ES256"`, rotation.ErrKeyFile},
		"no alg":      {`"created_at":"2026-03-01T12:00:00Z","withdrawn_at":"2026-03-01T12:00:00Z","verifies_until":"2026-03-02T12:00:00Z","kid":"a"`, rotation.ErrKeyFile},
		"with a JWK":  {good + `,"jwk":{"kty":"oct"}`, rotation.ErrKeyFile},
		"no instants": {`"created_at":"2026-03-01T12:00:00Z","kid":"a","alg":"ES256"`, rotation.ErrKeyFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.json"), fmt.Appendf(nil, `{"version":1,"keys":[{%s}]}`, test.record), 0o600))
			_, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
			assert.ErrorIs(t, err, test.want)
		})
	}
}

// Two processes on one directory, each of which reloads when it likes within a
// minute, and a service that fetches the published set every five minutes. Keys
// are rotated as documented: made, left to wait until everybody has the set,
// then let sign, and retired when they may be. The oldest living token, the
// newest and some between are verified by all three at each minute.
func TestKeyRing_RotationLeavesNoGap(t *testing.T) {
	t.Parallel()
	const (
		life   = 40 * time.Minute
		fetch  = 5 * time.Minute
		reload = time.Minute
	)
	dir, clock, random := t.TempDir(), newClock(), rand.New(rand.NewPCG(1, 2))
	opts := rotation.KeyRingOptions{TokenLife: life, Now: clock.Now}
	var rings [2]*rotation.KeyRing
	for i := range rings {
		var err error
		rings[i], err = rotation.OpenKeyRing(dir, opts)
		require.NoError(t, err)
	}
	_, err := rings[0].Generate(verifier.EdDSA)
	require.NoError(t, err)
	require.NoError(t, rings[1].Reload())

	type issued struct {
		raw string
		exp time.Time
	}
	var (
		live      []issued
		published verifier.Keys
		kids      = map[any]bool{}
		retired   int
	)
	for minute := range 8 * 60 {
		if minute%int(fetch.Minutes()) == 0 {
			jwks, err := rings[random.IntN(2)].JWKS()
			require.NoError(t, err)
			published, err = verifier.ParseJWKS(jwks, "")
			require.NoError(t, err)
		}
		switch ring := rings[random.IntN(2)]; minute % 60 {
		case 10:
			_, err = ring.Generate(verifier.EdDSA)
		case 10 + int((fetch + reload).Minutes()):
			_, err = ring.Rotate()
		case 59:
			for _, key := range ring.List() {
				if key.State == rotation.Verifying && ring.Retire(key.ID, false) == nil {
					retired++
				}
			}
		}
		require.NoError(t, err)
		now := clock.Now()
		for i, ring := range rings {
			if random.IntN(2) == i { // the other one has heard of nothing yet
				require.NoError(t, ring.Reload())
			}
			raw, err := ring.Sign("at+jwt", fmt.Appendf(nil, `{"iss":"us","aud":"api","jti":"%d-%d","iat":%d,"exp":%d}`,
				minute, i, now.Unix(), now.Add(life).Unix()))
			require.NoError(t, err)
			kids[member(t, raw, 0)["kid"]] = true
			live = append(live, issued{raw, now.Add(life)})
		}
		for len(live) > 0 && !now.Before(live[0].exp.Truncate(time.Second)) {
			live = live[1:]
		}
		for name, keys := range map[string]verifier.KeySet{"one": rings[0], "two": rings[1], "service": published} {
			v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}),
				[]verifier.Issuer{{Name: "us", Keys: keys, Audiences: []string{"api"}}}, verifier.Options{Now: clock.Now})
			require.NoError(t, err)
			for _, at := range []int{0, len(live) - 1, len(live) - 2, random.IntN(len(live)), random.IntN(len(live))} {
				_, err := v.Verify(t.Context(), live[at].raw)
				require.NoError(t, err, "minute %d, %s", minute, name)
			}
		}
		clock.Advance(time.Minute)
	}
	assert.Len(t, kids, 9)
	assert.Greater(t, retired, 4)
}
