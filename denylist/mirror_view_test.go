package denylist

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// looksBack reports whether checks find former tables.
func (m *Mirror) looksBack() bool {
	v := m.view.Load()
	return v != nil && len(v.former) > 0
}

// TestR18_NothingIsLostBetweenViews: of an entry that a Redis forgets and is
// given back, over and over, no check finds none at any time: neither while its
// table becomes a former one, nor before there is another, nor as that ends.
func TestR18_NothingIsLostBetweenViews(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{})
	m, err := NewMirror(store, MirrorOptions{})
	require.NoError(t, err)
	e, token := sessionFor("s", time.Now())
	now := m.opts.Now()
	key, r := mirrorKeyFor(e), recordOf(e)
	table := newMirrorTable(0, m.heardClock)
	require.NoError(t, table.put(key, r))
	m.show(table, now, nil, nil)
	var ended atomic.Bool
	go func() {
		defer ended.Store(true)
		for range 20_000 {
			m.forget(&mirrorLoad{Mirror: m, proto: newMirrorProtocol(make(marks, 1)), table: table, begun: now})
			table = newMirrorTable(0, m.heardClock)
			m.show(table, now, nil, m.former)
			_ = table.put(key, r)
			m.back = nil
			m.showFormer(nil)
		}
	}()
	for !ended.Load() {
		err, known := m.Glance(token).Verdict(now)
		if !known || err == nil {
			ended.Store(true)
			assert.True(t, known, "no view to look at")
			require.ErrorIs(t, err, ErrRevoked)
		}
	}
}

// TestMirrorView_Fresh: what a view has computed beforehand changes no answer,
// with a monotonic clock or without, whichever of the two clocks was moved.
func TestMirrorView_Fresh(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	jumps := []time.Duration{0, 1, time.Second - 1, time.Second, time.Second + 1, time.Hour, 100 * 365 * 24 * time.Hour, math.MaxInt64}
	for range 100_000 {
		since := time.Now().Add(time.Duration(random.Int64N(int64(time.Hour))))
		now := since.Add(jumps[random.IntN(len(jumps))] * time.Duration(1-2*random.IntN(2)))
		switch random.IntN(3) {
		case 0:
			since = since.Round(0)
		case 1:
			now = now.Round(0)
		}
		most := jumps[random.IntN(6)]
		assert.Equal(t, fresh(since, now, most), newMirrorView(nil, since, nil).fresh(now, most), "%v, %v, %v", since, now, most)
	}
}
