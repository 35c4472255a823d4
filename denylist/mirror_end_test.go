package denylist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goroutinesOf counts the goroutines that have a label.
func goroutinesOf(label string) (n int) {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	_, groups, _ := strings.Cut(profile.String(), "\n")
	for group := range strings.SplitSeq(groups, "\n\n") {
		if strings.Contains(group, label) {
			same := 0
			_, _ = fmt.Sscan(group, &same)
			n += same
		}
	}
	return n
}

// TestMirror_RunLeavesNothing: whatever the mirror does when Run is ended, no
// goroutine goes on and no connection is in use; and what was being given back
// is given back by the next Run.
func TestMirror_RunLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"loading", "following", "giving back"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			f := newForgetful(t)
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			reached := make(chan struct{})
			end := sync.OnceFunc(func() { close(reached); stop() })
			switch phase {
			case "loading":
				f.client.AddHook(after{"zrange", new(sync.Once), end})
			case "giving back":
				former := newMirrorTable(0, f.heardClock)
				for i := range uint64(3 * backBatch) {
					require.NoError(t, former.put(scatteredKey(ScopeSession, i), mirrorRecord{revoked: true, expiresAt: f.entry.ExpiresAt}))
				}
				f.retire(former, time.Now())
				f.client.AddHook(around{script: healScript, after: func() error { end(); return nil }})
			}
			ended, label := make(chan error, 1), "of "+t.Name()
			go pprof.Do(ctx, pprof.Labels("mirror", label), func(ctx context.Context) {
				ended <- f.Run(ctx)
			})
			if phase == "following" {
				require.NoError(t, eventually(t, func() error {
					if f.State() != MirrorFresh || goroutinesOf(label) < 3 {
						return fmt.Errorf("%v with %d goroutines", f.State(), goroutinesOf(label))
					}
					return nil
				}))
				end()
			}
			<-reached
			require.ErrorIs(t, <-ended, context.Canceled)
			assert.Equal(t, MirrorIdle, f.State())
			require.NoError(t, eventually(t, func() error {
				pool := f.client.(*redis.Client).PoolStats()
				if n := goroutinesOf(label); n > 0 || pool.TotalConns != pool.IdleConns {
					return fmt.Errorf("%d goroutines, %d connections of which %d idle", n, pool.TotalConns, pool.IdleConns)
				}
				return nil
			}))
			if phase == "giving back" {
				untilAllIsGivenBack(t, f, 3*backBatch+1)
			}
		})
	}
}

func untilAllIsGivenBack(t *testing.T, f *forgetful, entries int64) {
	t.Helper()
	again, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(again) }()
	require.NoError(t, eventually(t, func() error {
		if s := f.Stats(); s.Entries != entries || f.looksBack() {
			return errors.New("not all was given back")
		}
		return nil
	}))
	stop()
	assert.ErrorIs(t, <-ended, context.Canceled)
}

// TestR18_MirrorGivesBackWhatRotatesNow: a token that was exchanged, and denied
// from some instant on, is given back with that instant, also if it has come by
// then; where the mirror knows only that it has come, it is now.
func TestR18_MirrorGivesBackWhatRotatesNow(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	now, ctx := time.Now().Truncate(time.Millisecond), t.Context()
	former := newMirrorTable(0, f.heardClock)
	for id, from := range map[string]time.Time{"ahead": now.Add(time.Hour), "now": now.Add(time.Millisecond), "long ago": atMillis(inEffect)} {
		e := TokenEntry(testIssuer, id, now.Add(2*time.Hour))
		require.NoError(t, former.put(mirrorKeyFor(e), mirrorRecord{effectiveFrom: from, expiresAt: now.Add(2 * time.Hour)}))
	}
	l := f.loaded(t)
	f.retire(former, now)
	require.NoError(t, eventually(t, func() error { // Redis's clock goes on beyond the one that is to come
		if at, err := f.Now(ctx); err != nil || !at.After(now.Add(time.Millisecond)) {
			return errors.New("not yet")
		}
		return nil
	}))
	require.NoError(t, f.step(ctx, l, nil))
	for id, denied := range map[string]bool{"ahead": false, "now": true, "long ago": true} {
		e, err := f.strict.Get(ctx, ScopeToken, testIssuer, id)
		require.NoError(t, err)
		require.NotNil(t, e.Rotated)
		assert.Nil(t, e.Revoked, id)
		assert.False(t, e.Rotated.At.Before(now), id)
		assert.False(t, e.Rotated.EffectiveFrom.Before(now), "%s: %v", id, e.Rotated.EffectiveFrom)
		if id != "long ago" {
			assert.Equal(t, map[string]time.Time{"ahead": now.Add(time.Hour), "now": now.Add(time.Millisecond)}[id].UnixMilli(),
				e.Rotated.EffectiveFrom.UnixMilli(), id)
		}
		err = f.strict.Check(ctx, Token{Issuer: testIssuer, ID: id, Session: "x", Login: now, ExpiresAt: now.Add(2 * time.Hour)})
		assert.Equal(t, denied, errors.Is(err, ErrRevoked), "%s: %v", id, err)
	}
}
