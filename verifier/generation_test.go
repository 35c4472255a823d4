package verifier

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// changing is a key set of one key, which can be replaced or taken away, and
// which cannot say whether it was.
type changing struct {
	mu    sync.Mutex
	key   Key
	err   error
	asked int
}

func (c *changing) Key(_ context.Context, kid string) (Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.err != nil {
		return Key{}, c.err
	}
	if c.key == (Key{}) || kid != c.key.ID() {
		return Key{}, ErrUnknownKey
	}
	return c.key, nil
}

func (c *changing) change(key Key, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.err = key, err
}

// turning is changing with generations.
type turning struct {
	changing
	now atomic.Pointer[Generation]
}

func newTurning(key Key) *turning {
	set := &turning{}
	set.turn(key)
	return set
}

func (s *turning) turn(key Key) {
	s.change(key, nil)
	s.now.Store(&Generation{})
}

func (s *turning) Generation() *Generation { return s.now.Load() }

func verifierOf(t *testing.T, f *forge, keys KeySet, now func() time.Time) *Verifier {
	t.Helper()
	issuer := f.issuer()
	issuer.Keys = keys
	v, err := New(empty{}, []Issuer{issuer}, Options{Now: now})
	require.NoError(t, err)
	return v
}

func TestCache_KeysThatCannotSayWhetherTheyChanged(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	keys := &changing{key: f.key}
	v := verifierOf(t, f, keys, testClock)
	raw := f.token()
	for range 2 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	assert.Equal(t, 2, keys.asked)

	outage := errors.New("no network")
	keys.change(f.key, outage)
	_, err := v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, outage)
	assert.Equal(t, int64(1), v.CacheStats().Entries, "it proves nothing against the key")

	keys.change(Key{}, nil)
	_, err = v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, ErrUnknownKey)
	assert.Zero(t, v.CacheStats().Entries)
	assert.Zero(t, v.CacheStats().Bytes)
	assert.Equal(t, uint64(1), v.CacheStats().Voided)
}

// What only ends like a token that is kept is refused for its form before any
// key is asked for, whatever became of the keys (R1).
func TestR1_NoKeyIsAskedForWhatOnlyEndsLikeAKeptToken(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	over := newTurning(f.key)
	over.now.Store(&Generation{Until: testNow})
	turned := newTurning(f.key)
	for name, keys := range map[string]struct {
		KeySet
		of *changing
	}{"not versioned": {of: &changing{key: f.key}}, "over": {over, &over.changing}, "turned": {turned, &turned.changing}} {
		if keys.KeySet == nil {
			keys.KeySet = keys.of
		}
		v := verifierOf(t, f, keys.KeySet, testClock)
		raw := f.token()
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		turned.now.Store(&Generation{})
		asked := keys.of.asked
		for _, junk := range []string{"!" + raw[1:], strings.Repeat("A", MaxTokenSize) + raw, raw[len(raw)-hashed:]} {
			_, err := v.Verify(t.Context(), junk)
			require.Error(t, err)
		}
		assert.Equal(t, asked, keys.of.asked, name)
		_, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
		assert.Equal(t, uint64(1), v.CacheStats().Hits, "%s: the token is still kept", name)
	}
}

// Another key of the same kid did not make the old one's signatures.
func TestCache_KeyIsReplaced(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	other, err := NewKey(f.kid, HS256, []byte("another secret of thirty-two bytes"))
	require.NoError(t, err)
	for name, keys := range map[string]interface {
		KeySet
		change(Key, error)
	}{"versioned": newTurning(f.key), "not": &changing{key: f.key}} {
		v := verifierOf(t, f, keys, testClock)
		raw := f.token()
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		if versioned, ok := keys.(*turning); ok {
			versioned.turn(other)
		} else {
			keys.change(other, nil)
		}
		_, err = v.Verify(t.Context(), raw)
		assert.ErrorIs(t, err, ErrSignature, name)
		assert.Equal(t, uint64(1), v.CacheStats().Voided, name)
	}
}

func TestCache_GenerationsSpareTheKeySet(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	keys := newTurning(f.key)
	v := verifierOf(t, f, keys, testClock)
	raw := f.token()
	for range 3 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, keys.asked)
	keys.turn(f.key) // something else has changed
	for range 3 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	assert.Equal(t, 2, keys.asked)
	assert.Equal(t, uint64(5), v.CacheStats().Hits)
	keys.turn(Key{})
	_, err := v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, ErrUnknownKey)
	assert.Equal(t, uint64(1), v.CacheStats().Voided)
}

// Between two generations a key may end by itself.
func TestCache_GenerationIsOver(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	clock := &handClock{now: testNow}
	keys := newTurning(f.key)
	end := testNow.Add(time.Minute)
	keys.now.Store(&Generation{Until: end})
	v := verifierOf(t, f, keys, clock.Now)
	raw := f.token()
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)

	clock.set(end.Add(-1))
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err)
	assert.Equal(t, 1, keys.asked)
	clock.set(end)
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err, "another key's time was over")
	assert.Equal(t, 2, keys.asked)

	keys.change(Key{}, nil)
	_, err = v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, ErrUnknownKey, "the same generation, which promises nothing any more")
	assert.Zero(t, v.CacheStats().Entries)
}

// A key that was retired while a token was being verified with it.
type retiring struct {
	turning
	during func()
}

func (r *retiring) Key(ctx context.Context, kid string) (Key, error) {
	key, err := r.turning.Key(ctx, kid)
	if r.during != nil {
		r.during()
		r.during = nil
	}
	return key, err
}

func TestCache_KeyIsRetiredMeanwhile(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	keys := &retiring{}
	keys.turn(f.key)
	keys.during = func() { keys.turn(Key{}) }
	v := verifierOf(t, f, keys, testClock)
	raw := f.token()
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err, "it began before")
	_, err = v.Verify(t.Context(), raw)
	assert.ErrorIs(t, err, ErrUnknownKey)
}

// TestGeneration_WithdrawnWhileHit: whoever looks once a key is gone is refused,
// however many tokens of it are being hit, verified again and driven out then;
// and what was handed out before stays what it was.
func TestGeneration_WithdrawnWhileHit(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	keys := newTurning(f.key)
	issuer := f.issuer()
	issuer.Keys = keys
	v, err := New(empty{}, []Issuer{issuer}, Options{Now: testClock, CacheEntries: 14})
	require.NoError(t, err)
	only, err := v.Only(issuer.Name)
	require.NoError(t, err)
	raws := make([]string, 20)
	for i := range raws {
		raws[i] = f.token(map[string]any{"jti": strconv.Itoa(i)})
	}
	var turns atomic.Int64 // odd: there is no key
	var all sync.WaitGroup
	for g := range 4 {
		verifier := []*Verifier{v, only}[g%2]
		all.Go(func() {
			var kept [20]Claims
			for n := g; turns.Load() < 1000; n++ {
				runtime.Gosched()
				begun := turns.Load()
				claims, err := verifier.Verify(context.Background(), raws[n%20])
				if err == nil {
					assert.False(t, begun%2 == 1 && turns.Load() == begun, "accepted without a key")
					kept[n%20] = claims
				}
				if held := kept[n/3%20]; held != (Claims{}) {
					assert.Equal(t, strconv.Itoa(n/3%20), held.ID())
				}
			}
		})
	}
	for turns.Load() < 1000 {
		keys.turn(Key{})
		turns.Add(1)
		runtime.Gosched()
		turns.Add(1)
		keys.turn(f.key)
		runtime.Gosched()
	}
	all.Wait()
	stats := v.CacheStats()
	assert.NotZero(t, stats.Voided)
	assert.NotZero(t, stats.Hits)
}
