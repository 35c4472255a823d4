package scenario

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// openSide is a Redis of a run that nothing has been written to, and a population.
func openSide(t *testing.T, k Knobs) (*redisSide, *population) {
	t.Helper()
	require.NoError(t, k.complete())
	p, err := newPopulation(k, time.Now())
	require.NoError(t, err)
	r, err := openRedis(t.Context(), k)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.close()) })
	return r, p
}

// kept is what a Redis has under a run's prefix, but for logs.
type kept struct {
	values, hashes map[string]any // by what follows the prefix
	expiries       map[string]time.Duration
	index          map[string]float64
}

// readKept reads all of it. The instants of writing are left out, and so are what
// the logs count and the epochs, which are random.
func readKept(t *testing.T, r *redisSide) kept {
	t.Helper()
	k := kept{map[string]any{}, map[string]any{}, map[string]time.Duration{}, map[string]float64{}}
	var mu sync.Mutex // masters are asked side by side
	require.NoError(t, eachMaster(t.Context(), r.admin, func(ctx context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		keys, err := c.Keys(ctx, escapeGlob(r.prefix)+":*").Result()
		for _, key := range keys {
			name := strings.TrimPrefix(key, r.prefix)
			k.expiries[name] = c.PExpireTime(ctx, key).Val()
			switch name[strings.LastIndex(name, ":")+1:] {
			case "log":
			case "index":
				for _, z := range c.ZRangeWithScores(ctx, key, 0, -1).Val() {
					k.index[name+" "+z.Member.(string)] = z.Score
				}
			case "meta":
				fields := c.HGetAll(ctx, key).Val()
				delete(fields, "epoch")
				delete(fields, "seq")
				k.hashes[name] = fields
			default:
				fields := strings.Fields(c.Get(ctx, key).Val())
				fields[2] = "" // when it was revoked
				k.values[name] = fields
			}
		}
		return err
	}))
	return k
}

// What is filled fast is what the store would have written, entry by entry.
func TestFillIsWhatRevokeWrites(t *testing.T) {
	t.Parallel()
	for name, setup := range setups(t) {
		if name == "delayed" || name == "TCP" || name == "Sentinel" {
			continue // which are a unix socket to what fills
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := setup(t)
			k.Entries, k.Redis.SkewMargin = 3456, 90*time.Second
			fast, p := openSide(t, k)
			slow, _ := openSide(t, k)
			told := 0
			require.NoError(t, fast.fill(t.Context(), p.entries(k.Entries), func(written int) { told = written }))
			total := len(p.revoked) + k.Entries
			assert.Equal(t, total, told)
			for batch := range p.entries(k.Entries) {
				_, err := slow.filler.Revoke(t.Context(), batch...)
				require.NoError(t, err)
			}
			got, want := readKept(t, fast), readKept(t, slow)
			assert.Len(t, want.values, total)
			assert.Equal(t, want, got)
			counts, err := fast.store.Counts(t.Context())
			require.NoError(t, err)
			assert.Equal(t, denylist.Counts{Token: int64(total)}, counts)
		})
	}
}

// Whoever reads a denylist finds each entry that was filled fast.
func TestFillIsRead(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Entries = 2345
	began := time.Now().Add(-time.Second)
	s := openStand(t, []string{"check-mirror"}, k)
	var ids []string
	for batch := range s.population.entries(k.Entries) {
		for _, e := range batch {
			ids = append(ids, e.ID)
			known := denylist.Token{Issuer: issuer, ID: e.ID, Session: "s", Subject: "s", Login: began, ExpiresAt: e.Until}
			assert.ErrorIs(t, s.redis.store.Check(t.Context(), known), denylist.ErrRevoked)
			assert.ErrorIs(t, s.mirrored.Mirror.Check(t.Context(), known), denylist.ErrRevoked)
		}
	}
	assert.EqualValues(t, len(ids), s.mirrored.Stats().Entries)
	var listed []string
	for cursor := ""; ; {
		page, err := s.redis.store.List(t.Context(), denylist.Query{Cursor: cursor, Limit: 1000})
		require.NoError(t, err)
		for _, e := range page.Entries {
			listed = append(listed, e.ID)
			assert.Equal(t, issuer, e.Issuer)
			assert.WithinRange(t, e.Revoked.At, began, time.Now().Add(time.Second))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	assert.ElementsMatch(t, ids, listed)
	// A mirror that has followed since hears of what is revoked from then on.
	_, err := s.redis.filler.Revoke(t.Context(), denylist.TokenEntry(issuer, "later", s.population.expiresAt))
	require.NoError(t, err)
	require.NoError(t, s.mirrored.Barrier(t.Context()))
	assert.EqualValues(t, len(ids)+1, s.mirrored.Stats().Entries)
}

// stalls answers so many pipelines as a Redis that is late, after it was sent
// them.
type stalls struct{ left int }

var _ redis.Hook = (*stalls)(nil)

func (s *stalls) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (s *stalls) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s *stalls) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if s.left--; s.left >= 0 {
			return &net.OpError{Op: "read", Err: context.DeadlineExceeded}
		}
		return err
	}
}

// A machine that stands still for a moment ends no set-up, and what is written
// twice is counted once.
func TestFillGoesOnWhereRedisIsLate(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	for times, fails := range map[int]bool{fillTries - 1: false, fillTries: true} {
		k := small(server, redistest.NextPrefix())
		r, p := openSide(t, k)
		batches := slices.Collect(p.entries(500))
		require.Len(t, batches, 1)
		receipt, err := r.filler.Revoke(t.Context(), batches[0][0])
		require.NoError(t, err)
		f := r.newFilling(batches[0][0], receipt.Results[0].Entry)
		r.admin.AddHook(&stalls{times})
		err = f.write(t.Context(), batches[0][1:])
		if fails {
			assert.ErrorIs(t, err, denylist.ErrUnavailable)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, f.count(t.Context()))
		counts, err := r.store.Counts(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, len(batches[0]), counts.Token)
	}
}
