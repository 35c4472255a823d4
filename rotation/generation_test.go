package rotation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// caching is a verifier of a ring's tokens, which live for longer than its keys.
func caching(t *testing.T, ring *rotation.KeyRing, clock *clock) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{Now: clock.Now}),
		[]verifier.Issuer{{Name: "us", Keys: ring, Audiences: []string{"api"}, MaxLifetime: 10 * day}},
		verifier.Options{Now: clock.Now})
	require.NoError(t, err)
	return v
}

func signed(t *testing.T, ring *rotation.KeyRing, clock *clock, id string) string {
	t.Helper()
	now := clock.Now().Unix()
	raw, err := ring.Sign("at+jwt", fmt.Appendf(nil, `{"iss":"us","aud":"api","jti":%q,"iat":%d,"exp":%d}`, id, now, now+int64(9*day/time.Second)))
	require.NoError(t, err)
	return raw
}

// verifies asserts what becomes of tokens, and how many of them the cache did
// not answer.
func verifies(t *testing.T, v *verifier.Verifier, misses uint64, want error, raws ...string) {
	t.Helper()
	before := v.CacheStats().Misses
	for _, raw := range raws {
		_, err := v.Verify(t.Context(), raw)
		require.ErrorIs(t, err, want)
	}
	assert.Equal(t, misses, v.CacheStats().Misses-before, "misses")
}

func TestGeneration_RetiringEndsCachedTokensAtOnce(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{TokenLife: day, Now: clock.Now})
	require.NoError(t, err)
	v := caching(t, ring, clock)
	old := signed(t, ring, clock, "old")
	verifies(t, v, 1, nil, old, old)

	// Another key, a rotation: what is cached is good, and not verified again.
	_, err = ring.Generate(verifier.HS256)
	require.NoError(t, err)
	verifies(t, v, 0, nil, old, old)
	_, err = ring.Rotate()
	require.NoError(t, err)
	next := signed(t, ring, clock, "next")
	verifies(t, v, 1, nil, old, next, next)

	require.NoError(t, ring.Retire(ring.List()[0].ID, true))
	verifies(t, v, 1, verifier.ErrUnknownKey, old)
	verifies(t, v, 0, nil, next)
	stats := v.CacheStats()
	assert.Equal(t, uint64(1), stats.Voided)
	assert.Equal(t, int64(1), stats.Entries)
}

// Without a kid the key is the only one, and no longer once there are two (R2).
func TestGeneration_ASecondKeyEndsTokensWithoutKid(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	first := ring.Generation()
	assert.Same(t, first, ring.Generation())
	assert.Zero(t, first.Until)
	_, err = ring.Generate(verifier.HS256)
	require.NoError(t, err)
	assert.NotSame(t, first, ring.Generation())
}

func TestGeneration_ReloadFromDisk(t *testing.T) {
	t.Parallel()
	clock := newClock()
	dir := t.TempDir()
	opts := rotation.KeyRingOptions{TokenLife: day, Now: clock.Now}
	theirs, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	leaked, err := theirs.Generate(verifier.HS256)
	require.NoError(t, err)
	ours, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	v := caching(t, ours, clock)
	raw := signed(t, theirs, clock, "1")
	verifies(t, v, 1, nil, raw, raw)

	before := ours.Generation()
	require.NoError(t, ours.Reload())
	assert.Same(t, before, ours.Generation(), "nothing has changed")
	require.NoError(t, theirs.Retire(leaked.ID, true))
	require.NoError(t, ours.Reload())
	verifies(t, v, 1, verifier.ErrUnknownKey, raw)
	assert.Equal(t, uint64(1), v.CacheStats().Voided)
}

// A key that no longer signs ends by itself, without anybody changing the ring.
func TestGeneration_KeysEndByTime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{TokenLife: day, Now: clock.Now})
	require.NoError(t, err)
	v := caching(t, ring, clock)
	var raws []string
	for i := range 3 {
		raws = append(raws, signed(t, ring, clock, itoa(int64(i))))
		_, err = ring.Rotate()
		require.NoError(t, err)
		clock.Advance(time.Hour)
	}
	verifies(t, v, 3, nil, raws...)
	for i := range raws {
		end := ring.List()[i].VerifiesUntil
		assert.Equal(t, end, ring.Generation().Until)
		clock.Set(end.Add(-1))
		verifies(t, v, 0, nil, raws[i:]...)
		clock.Set(end)
		verifies(t, v, 1, verifier.ErrUnknownKey, raws[i])
		verifies(t, v, 0, nil, raws[i+1:]...)
		assert.NotEqual(t, end, ring.Generation().Until, "the next one's")
		assert.Equal(t, uint64(i+1), v.CacheStats().Voided)
	}

	// A clock that is put back brings a key to life, but not for ever.
	end := ring.List()[0].VerifiesUntil
	clock.Set(end.Add(-time.Hour))
	verifies(t, v, 1, nil, raws[0], raws[0])
	verifies(t, v, 0, nil, raws[0])
	clock.Set(end)
	verifies(t, v, 1, verifier.ErrUnknownKey, raws[0])
}
