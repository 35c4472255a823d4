package verifier

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// set changes what the list says of an id.
func (l *list) set(id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deny = map[string]error{id: err}
}

func TestCache_TheDenylistIsAskedOnEveryHit(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	var asked list
	v := f.verifier(&asked, Options{})
	raw := f.token()
	for range 3 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	asked.set("token-1", denylist.ErrRevoked)
	claims, err := v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, denylist.ErrRevoked)
	assert.Zero(t, claims)
	asked.set("token-1", denylist.ErrUnavailable)
	_, err = v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, denylist.ErrUnavailable)
	asked.set("token-1", nil)
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err)

	assert.Len(t, asked.asked, 6)
	stats := v.CacheStats()
	assert.Equal(t, uint64(5), stats.Hits)
	assert.Equal(t, uint64(1), stats.Misses)
	assert.Equal(t, int64(1), stats.Entries)
}

// A denial, an expired token or a denylist that cannot tell leaves nothing
// behind.
func TestCache_KeepsNoRefusal(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	l := &list{deny: map[string]error{"denied": denylist.ErrRevoked, "unknown": denylist.ErrUnavailable}}
	v := f.verifier(l, Options{})
	for _, claims := range []map[string]any{
		{"jti": "denied"}, {"jti": "unknown"}, {"iat": testNow.Unix() - 60, "exp": testNow.Unix()}, {"nbf": testNow.Unix() + 1}, {"aud": "other"},
	} {
		for range 2 {
			_, err := v.Verify(t.Context(), f.token(claims))
			require.Error(t, err)
		}
	}
	_, err := v.Verify(t.Context(), "no token")
	require.Error(t, err)
	stats := v.CacheStats()
	assert.Zero(t, stats.Entries)
	assert.Zero(t, stats.Bytes)
	assert.Zero(t, stats.Hits)
	assert.Equal(t, uint64(11), stats.Misses)
}

// One byte more or less, or another one, and it is another token.
func TestCache_EveryByteCounts(t *testing.T) {
	t.Parallel()
	for _, alg := range []Algorithm{HS256, ES256} {
		f := newForge(t, alg)
		var asked list
		v := f.verifier(&asked, Options{})
		raw := f.token()
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		for i := range len(raw) {
			for _, changed := range []string{
				raw[:i] + string(raw[i]^1) + raw[i+1:], raw[:i] + raw[i+1:], raw[:i] + "A" + raw[i:],
			} {
				if changed == raw {
					continue
				}
				_, err := v.Verify(t.Context(), changed)
				require.Error(t, err, "byte %d of %d", i, len(raw))
			}
		}
		assert.Zero(t, v.CacheStats().Hits)
		assert.Len(t, asked.asked, 1, "the token's own")
	}
}

// Two spellings of one token are two entries, each proved for itself.
func TestCache_TwinSignatures(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	v := f.verifier(empty{}, Options{})
	raw := f.token()
	for _, spelling := range []string{raw, twin(t, raw), raw, twin(t, raw)} {
		_, err := v.Verify(t.Context(), spelling)
		require.NoError(t, err)
	}
	assert.Equal(t, int64(2), v.CacheStats().Entries)
	assert.Equal(t, uint64(2), v.CacheStats().Hits)
}

func TestCache_HoldsACopyOfTheToken(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(empty{}, Options{})
	raw := f.token()
	first, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	kept := v.cache.find(v.cache.hash(raw))
	require.NotNil(t, kept)
	assert.NotSame(t, unsafe.StringData(raw), unsafe.StringData(kept.raw))

	// What a caller gets it may change: nobody else's claims do.
	first.Audience()[0] = "changed"
	first.Scopes()[0] = "changed"
	var all map[string]any
	require.NoError(t, first.Decode(&all))
	all["sub"] = "changed"
	again, err := v.Verify(t.Context(), strings.Clone(raw))
	require.NoError(t, err)
	assert.Equal(t, []string{testAudience}, again.Audience())
	assert.Equal(t, []string{"read", "write"}, again.Scopes())
	assert.Equal(t, "user-1", again.Subject())
	var same map[string]any
	require.NoError(t, again.Decode(&same))
	assert.Equal(t, "user-1", same["sub"])
}

func TestCache_IsOffByOneOption(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	v := f.verifier(empty{}, Options{NoCache: true})
	for range 2 {
		_, err := v.Verify(t.Context(), f.token())
		require.NoError(t, err)
	}
	assert.Zero(t, v.CacheStats())
}

func TestCache_OnlyTrustsFewer(t *testing.T) {
	t.Parallel()
	const other = "https://other.example"
	f := newForge(t, HS256)
	theirs := f.issuer()
	theirs.Name = other
	v, err := New(empty{}, []Issuer{f.issuer(), theirs}, Options{Now: testClock})
	require.NoError(t, err)
	narrow, err := v.Only(testIssuer)
	require.NoError(t, err)

	raw := f.token(map[string]any{"iss": other})
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err)
	_, err = narrow.Verify(t.Context(), raw)
	assert.ErrorIs(t, err, ErrIssuer)
	_, err = v.Verify(t.Context(), raw)
	assert.NoError(t, err)

	ours := f.token()
	_, err = narrow.Verify(t.Context(), ours)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), ours)
	require.NoError(t, err)
	assert.Equal(t, int64(2), v.CacheStats().Entries, "one cache for both")
	assert.Equal(t, uint64(2), v.CacheStats().Hits)
	assert.Zero(t, v.CacheStats().Voided)
}

func TestCache_FailingOpenIsCountedOnHits(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	var asked list
	var open int
	v := f.verifier(&asked, Options{InsecureFailOpen: true, OnFailOpen: func(error) { open++ }})
	raw := f.token()
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	asked.set("token-1", errors.New("cannot tell"))
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err)
	assert.Equal(t, 1, open)
	asked.set("token-1", denylist.ErrRevoked)
	_, err = v.Verify(t.Context(), raw)
	assert.ErrorIs(t, err, denylist.ErrRevoked)
}

func TestNew_RefusesACache(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	for name, opts := range map[string]Options{
		"of fewer entries than none": {CacheEntries: -1},
		"of fewer bytes than none":   {CacheBytes: -1},
		"of no bytes to speak of":    {CacheBytes: minCacheBytes - 1},
		"of more bytes than memory":  {CacheBytes: math.MaxInt64},
		"of more than memory":        {CacheEntries: math.MaxInt},
		"of more than its bytes":     {CacheEntries: 1 << 20, CacheBytes: 1 << 20},
		"that is off, of a size":     {NoCache: true, CacheEntries: 1},
		"that is off, of some bytes": {NoCache: true, CacheBytes: minCacheBytes},
	} {
		v, err := New(empty{}, []Issuer{f.issuer()}, opts)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
	for _, opts := range []Options{
		{}, {CacheEntries: 1}, {CacheBytes: minCacheBytes}, {CacheEntries: 100, CacheBytes: minCacheBytes}, {NoCache: true},
	} {
		_, err := New(empty{}, []Issuer{f.issuer()}, opts)
		assert.NoError(t, err, "%+v", opts)
	}
	fits := memory() / (bytesPerEntry + 1)
	_, err := New(empty{}, []Issuer{f.issuer()}, Options{CacheEntries: int(2 * fits)})
	assert.Error(t, err, "2 KiB for each are more than memory")
}

// A hit costs no memory: what is promised to whoever serves a million a second.
func TestCache_HitsAllocateNothing(t *testing.T) {
	f := newForge(t, ES256)
	for name, keys := range map[string]KeySet{"fixed": Keys{f.key}, "versioned": newTurning(f.key), "neither": &changing{key: f.key}} {
		issuer := f.issuer()
		issuer.Keys = keys
		v, err := New(empty{}, []Issuer{issuer}, Options{Now: testClock})
		require.NoError(t, err)
		raw := f.token()
		_, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		})
		assert.Zero(t, allocs, name)
	}
}

func TestCache_ConcurrentUse(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	keys := newTurning(f.key)
	issuer := f.issuer()
	issuer.Keys = keys
	var asked list
	v, err := New(&asked, []Issuer{issuer}, Options{Now: testClock, CacheEntries: 32, CacheBytes: minCacheBytes})
	require.NoError(t, err)
	raws := make([]string, 100)
	for i := range raws {
		raws[i] = f.token(map[string]any{"jti": fmt.Sprint(i), "pad": strings.Repeat("x", i*20)})
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 1000 {
				i := (n*(g+1) + n/7) % len(raws)
				claims, err := v.Verify(context.Background(), raws[i])
				if assert.NoError(t, err) {
					assert.Equal(t, fmt.Sprint(i), claims.ID())
				}
				if n%50 == 0 {
					keys.turn(f.key)
				}
			}
		})
	}
	all.Wait()
	checkCache(t, v.cache, 32)
	stats := v.CacheStats()
	assert.Equal(t, uint64(8000), stats.Hits+stats.Misses)
	assert.NotZero(t, stats.Hits)
	assert.NotZero(t, stats.Evictions)
}

// FuzzCache: whatever is presented, and whatever time it is, a verifier with a
// cache answers as one without.
func FuzzCache(f *testing.F) {
	forge := newForge(f, HS256)
	clock := &handClock{now: testNow}
	var asked list
	cached := forge.verifier(&asked, Options{Now: clock.Now, CacheEntries: 7})
	naked := forge.verifier(&asked, Options{Now: clock.Now, NoCache: true})
	f.Add(0, byte(0), int64(0), byte(0))
	f.Add(5, byte(1), int64(0), byte(0))
	f.Add(200, byte(2), int64(900), byte(1))
	f.Add(-1, byte(0), int64(-1), byte(2))
	f.Fuzz(func(t *testing.T, at int, change byte, after int64, deny byte) {
		forge := *forge
		forge.tb = t
		clock.set(testNow)
		asked.set("token-1", nil)
		raw := forge.token(map[string]any{"iat": testNow.Unix(), "exp": testNow.Unix() + 900})
		_, err := cached.Verify(t.Context(), raw)
		require.NoError(t, err)
		if at >= 0 && at < len(raw) {
			raw = raw[:at] + string([]byte{raw[at] ^ change}) + raw[at+1:]
		}
		clock.set(testNow.Add(time.Duration(after%2000) * time.Second))
		asked.set("token-1", []error{nil, denylist.ErrRevoked, denylist.ErrUnavailable}[deny%3])
		want, wantErr := naked.Verify(t.Context(), raw)
		got, gotErr := cached.Verify(t.Context(), raw)
		require.Equal(t, wantErr, gotErr)
		require.Equal(t, want.ID(), got.ID())
		require.Equal(t, want.Scopes(), got.Scopes())
		require.Equal(t, want.ExpiresAt(), got.ExpiresAt())
	})
}
