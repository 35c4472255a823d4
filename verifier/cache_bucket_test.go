package verifier

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testCache is a cache on its own.
func testCache(entries int, bytes int64) *cache { return newCache(entries, bytes, testClock) }

// see looks for a token and puts it where it is not, as Verify does.
func (c *cache) see(raw string, expires time.Time) (hit bool) {
	hash := c.hash(raw)
	if s := c.find(hash); s != nil {
		c.hit(s)
		return true
	}
	s := &sight{raw: strings.Clone(raw), text: 2 * len(raw)}
	s.valid.last = expires.Unix()
	c.put(hash, s)
	return false
}

// testToken looks like one at its end.
func testToken(random *rand.Rand, size int) string {
	var end [hashed]byte
	for i := range end {
		end[i] = base64URL[random.IntN(len(base64URL))]
	}
	return strings.Repeat("x", size) + string(end[:])
}

// checkCache compares what a cache says of itself with what is in it.
func checkCache(t *testing.T, c *cache, maxEntries int) {
	t.Helper()
	var entries, bytes int64
	for i := range c.buckets {
		for j := range c.buckets[i].slots {
			if s := c.buckets[i].slots[j].Load(); s != nil {
				entries++
				bytes += s.size
				require.Same(t, s, c.find(s.hash), "one that nobody finds")
			}
		}
	}
	stats := c.stats()
	require.Equal(t, entries, stats.Entries)
	require.Equal(t, bytes, stats.Bytes)
	require.LessOrEqual(t, bytes, c.maxBytes)
	require.LessOrEqual(t, entries, int64(maxEntries))
}

func TestCache_Bounds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, bounds := range []struct {
		entries int
		bytes   int64
	}{{1, 1 << 20}, {2, 1 << 20}, {6, 1 << 20}, {7, 1 << 20}, {8, 1 << 20}, {13, 1 << 20}, {100, 1 << 20}, {1000, 1 << 20}, {1000, 64 << 10}, {50, 64 << 10}} {
		c := testCache(bounds.entries, bounds.bytes)
		var seen []string
		for n := range 2000 {
			raw := testToken(random, random.IntN(MaxTokenSize-hashed))
			if n%3 == 2 {
				raw = seen[random.IntN(len(seen))]
			}
			seen = append(seen, raw)
			c.see(raw, testNow)
			if n%11 == 0 {
				if s := c.find(c.hash(seen[n/2])); s != nil {
					c.void(s)
					c.void(s)
					require.Nil(t, c.find(s.hash))
				}
			}
			if n%50 == 0 {
				checkCache(t, c, bounds.entries)
			}
		}
		checkCache(t, c, bounds.entries)
		assert.NotZero(t, c.stats().Entries)
		assert.NotZero(t, c.stats().Evictions)
	}
}

func TestCache_OneTooLargeForItIsNotKept(t *testing.T) {
	t.Parallel()
	c := testCache(10, 4096)
	random := rand.New(rand.NewPCG(1, 2))
	require.False(t, c.see(testToken(random, 10), testNow))
	c.see(testToken(random, 4096), testNow)
	assert.Equal(t, int64(1), c.stats().Entries)
	checkCache(t, c, 10)
}

// A client with a hundred times as many tokens, each genuine, does not drive out
// those that everybody uses: whether entries or bytes are short.
func TestCache_ScanResistance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*cache{
		"entries": testCache(1024, 1<<30),
		"bytes":   testCache(1<<14, 1<<20),
	} {
		random := rand.New(rand.NewPCG(3, 4))
		hot := make([]string, 256)
		for i := range hot {
			hot[i] = testToken(random, 200)
			c.see(hot[i], testNow.Add(time.Hour))
			c.see(hot[i], testNow.Add(time.Hour))
		}
		hits, seen := 0, 0
		for range 2 {
			for _, raw := range hot {
				for range 100 {
					c.see(testToken(random, 200), testNow.Add(time.Hour))
				}
				seen++
				if c.see(raw, testNow.Add(time.Hour)) {
					hits++
				}
			}
		}
		assert.Greater(t, float64(hits)/float64(seen), 0.9, name)
	}
}

// What was hot once does not stay for ever.
func TestCache_FollowsWhatIsHot(t *testing.T) {
	t.Parallel()
	c := testCache(1024, 1<<30)
	random := rand.New(rand.NewPCG(5, 6))
	for phase := range 3 {
		hits, seen := 0, 0
		hot := make([]string, 512)
		for i := range hot {
			hot[i] = testToken(random, 200)
		}
		for range 20 {
			hits, seen = 0, 0
			for _, raw := range hot {
				seen++
				if c.see(raw, testNow.Add(time.Hour)) {
					hits++
				}
			}
		}
		assert.Greater(t, float64(hits)/float64(seen), 0.8, "phase %d", phase)
	}
}

// What nobody accepts any more goes first, however often it was seen.
func TestCache_TheDeadGoFirst(t *testing.T) {
	t.Parallel()
	c := testCache(bucketWays, 1<<20)
	random := rand.New(rand.NewPCG(7, 8))
	var living []string
	for i := range bucketWays {
		raw, expires := testToken(random, 100), testNow.Add(time.Hour)
		if i == 3 {
			expires = testNow.Add(-time.Hour)
		} else {
			living = append(living, raw)
		}
		for range 5 {
			c.see(raw, expires)
		}
	}
	c.see(testToken(random, 100), testNow.Add(time.Hour))
	for _, raw := range living {
		assert.NotNil(t, c.find(c.hash(raw)))
	}
}

// Nobody can choose tokens that meet: where they are kept differs from verifier
// to verifier, and is even.
func TestCache_FloodingIsGuesswork(t *testing.T) {
	t.Parallel()
	const entries = 7 * 1024
	a, b := testCache(entries, 1<<30), testCache(entries, 1<<30)
	home := func(c *cache, raw string) uint64 { return c.home(c.hash(raw)) }
	crowded, met, counts := home(a, strings.Repeat("A", 100)), map[uint64]int{}, map[uint64]int{}
	for n := range 1 << 17 {
		// A counter at the end: what an attacker would choose, if he could.
		raw := fmt.Sprintf("%s%08d", strings.Repeat("A", 92), n)
		counts[home(a, raw)]++
		if home(a, raw) == crowded {
			met[home(b, raw)]++
		}
	}
	assert.Len(t, counts, 1024)
	for _, n := range counts {
		assert.InDelta(t, 128, n, 80)
	}
	for _, n := range met {
		assert.LessOrEqual(t, n, 6, "those that meet in one verifier meet in another")
	}
}

// Where all tokens of a bucket are hit faster than it can pass over them, one
// of them goes.
func TestCache_AllAreHitAllTheTime(t *testing.T) {
	t.Parallel()
	c := testCache(bucketWays, 1<<20)
	random := rand.New(rand.NewPCG(9, 10))
	for range bucketWays {
		c.see(testToken(random, 100), testNow.Add(time.Hour))
	}
	for i := range c.buckets[0].slots {
		c.buckets[0].slots[i].Load().visits.Store(100 * maxVisits)
	}
	raw := testToken(random, 100)
	c.see(raw, testNow.Add(time.Hour))
	assert.NotNil(t, c.find(c.hash(raw)))
	checkCache(t, c, bucketWays)
}

// TestSight_Lines: what every hit reads lies in two cache lines.
func TestSight_Lines(t *testing.T) {
	t.Parallel()
	const line = 64
	s := new(sight)
	at := func(field any) uintptr { return reflect.ValueOf(field).Pointer() }
	assert.Zero(t, at(&s.claims.token)%line, "token")
	assert.Equal(t, at(&s.hash)/line, at(&s.valid.last)/line, "from hash to valid.last")
}
