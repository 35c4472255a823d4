package denylist

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

func TestMirrorWakes(t *testing.T) {
	t.Parallel()
	for mirrors, want := range map[int]int{
		-1: 128, 0: 128, 1: 128, 31: 128, 32: 125, 100: 40, 250: 16, 499: 8, 500: 8, 1_000_000: 8, math.MaxInt: 8,
	} {
		assert.Equal(t, want, MirrorWakes(mirrors), "%d", mirrors)
	}
}

// TestMirrorShare: mirrors of any number find their share of what all may read,
// whether much is written or nothing; and where one has too much of it, all
// together have no more.
func TestMirrorShare(t *testing.T) {
	t.Parallel()
	for _, mirrors := range []int{1, 10, 100, 1000} {
		for _, changes := range []int{4, 30, 1000} { // a second; four is what quiet asks for
			name := fmt.Sprintf("%d mirrors, %d changes", mirrors, changes)
			fleet, counted := make([]mirrorShare, mirrors), int64(1)
			for i := range fleet {
				fleet[i] = newMirrorShare(0)
				fleet[i].begin()
			}
			interval := func() (all int64) {
				for i := range fleet {
					fleet[i].reads = int64(min(changes, fleet[i].wakes))
					all += fleet[i].reads
				}
				counted += all
				for i := range fleet {
					fleet[i].learn(counted)
				}
				return all
			}
			for range 10 {
				interval()
			}
			for _, s := range fleet {
				assert.Equal(t, MirrorWakes(mirrors), s.wakes, name)
			}
			fleet[0].wakes = mostWakes
			for range 10 {
				interval()
			}
			assert.LessOrEqual(t, interval(), int64(max(readsOfAll, leastShare*mirrors)), name)
		}
	}
}

// TestMirrorShare_Odd: what cannot be is not believed, and what is twice as much
// as before only by half.
func TestMirrorShare_Odd(t *testing.T) {
	t.Parallel()
	s := newMirrorShare(0)
	s.begin()
	assert.Equal(t, firstShare, s.wakes)
	for _, step := range []struct {
		name    string
		reads   int64
		counted int64
		want    int
	}{
		{"first", 0, 1_000_000, 16},
		{"alone", 4, 1_000_004, 32},
		{"alone still", 4, 1_000_008, 64},
		{"did not read", 0, 1_000_100, 64},
		{"begun to count anew", 4, 10, 64},
		{"fewer than its own", 4, 13, 64},
		{"a thousand", 4, 4013, 8},
		{"as many as there are numbers", 4, math.MaxInt64, 8},
		{"anew", 4, 1, 8},
		{"alone again", 4, 5, 16},
	} {
		s.reads = step.reads
		s.learn(step.counted)
		assert.Equal(t, step.want, s.wakes, step.name)
	}
	s.wakes = 100
	s.unknown(false)
	assert.Equal(t, firstShare, s.wakes)
	s.wakes = leastShare
	s.unknown(false)
	assert.Equal(t, leastShare, s.wakes, "what was learned of a large fleet")
	s.unknown(true)
	assert.False(t, s.asks(time.Now()))
}

// TestMirrorShare_Asks: soon at first, then more and more rarely, and not all at
// once; one that was told never asks.
func TestMirrorShare_Asks(t *testing.T) {
	t.Parallel()
	s, now := newMirrorShare(0), time.Now()
	s.begin()
	require.True(t, s.asks(now))
	for longest := soonestAsk; longest <= 4*latestAsk; longest *= 2 {
		most := min(longest, latestAsk)
		assert.False(t, s.asks(now.Add(most/2-1)))
		now = now.Add(most)
		require.True(t, s.asks(now))
	}
	told := newMirrorShare(3)
	told.begin()
	assert.False(t, told.asks(now))
}

// TestMirror_Adapts: a mirror alone comes to read as often as one may, one that
// is one of many less often, and none that was told anything else.
func TestMirror_Adapts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	strict, c := storeOn(t, server, RedisOptions{})
	for _, step := range []struct {
		name   string
		opts   MirrorOptions
		others int // reads for each of its own
		want   int
	}{
		{"alone", MirrorOptions{}, 0, 2 * firstShare},
		{"one of a thousand", MirrorOptions{}, 1000, leastShare},
		{"told", MirrorOptions{Wakes: 5}, 1000, 5},
	} {
		m := stepping(t, strict, step.opts)
		l, err := m.load(t.Context())
		require.NoError(t, err)
		rests := newMirrorRests(m.share.wakes, time.Second)
		m.share.begin()
		m.adapt(t.Context(), rests)
		require.NoError(t, m.step(t.Context(), l, nil))
		for range step.others {
			require.NoError(t, c.XRevRangeN(t.Context(), "another", "+", "-", 1).Err())
		}
		m.share.due = time.Time{}
		m.adapt(t.Context(), rests)
		assert.Equal(t, step.want, m.Stats().Wakes, step.name)
		assert.EqualValues(t, step.want, rests.wakes.Limit(), step.name)
		assert.Equal(t, step.want, rests.wakes.Burst(), step.name)
	}
	// Nothing wakes one of 16 partitions.
	many, _ := storeOn(t, server, RedisOptions{Prefix: "many", Partitions: 16})
	m := stepping(t, many, MirrorOptions{Wakes: 5})
	assert.Zero(t, m.Stats().Wakes)
	assert.False(t, m.share.asks(time.Now()))
}

// TestMirror_AdaptsWhereItMayNot: where INFO is forbidden it is asked once.
func TestMirror_AdaptsWhereItMayNot(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	strict, c := storeOn(t, server, RedisOptions{})
	m := stepping(t, strict, MirrorOptions{})
	require.NoError(t, c.Do(t.Context(), "ACL", "SETUSER", "default", "-info").Err())
	rests := newMirrorRests(128, time.Second)
	for range 2 {
		m.share.due = time.Time{}
		m.adapt(t.Context(), rests)
		assert.EqualValues(t, firstShare, rests.wakes.Limit())
	}
	denials, err := c.Do(t.Context(), "ACL", "LOG").Slice()
	require.NoError(t, err)
	assert.Len(t, denials, 1)

	// A Redis that says something else, and one that says nothing.
	for _, err := range []error{errNotCounted, errors.New("gone")} {
		s := newMirrorShare(0)
		s.wakes = 100
		s.unknown(forbidden(err))
		assert.Equal(t, firstShare, s.wakes)
		assert.True(t, s.asks(time.Now()))
	}
}

func TestCommandCalls(t *testing.T) {
	t.Parallel()
	const figures = ",usec=34,usec_per_call=2.83,rejected_calls=0,failed_calls=0\r\n"
	for text, want := range map[string]int64{
		"# Commandstats\r\ncmdstat_xread:calls=7" + figures + "cmdstat_xrevrange:calls=12" + figures: 12,
		"cmdstat_xrevrange:calls=9":                   9,
		"":                                            0,
		"cmdstat_xrange:calls=12":                     0,
		"cmdstat_xrevrange:":                          0,
		"cmdstat_xrevrange:usec=1,calls=2":            0,
		"cmdstat_xrevrange:calls=":                    0,
		"cmdstat_xrevrange:calls=-3":                  0,
		"cmdstat_xrevrange:calls=1e9":                 0,
		"cmdstat_xrevrange:calls=9223372036854775808": 0,
		"cmdstat_xrevrange:calls=1\n" + strings.Repeat("#", maxCommandStats): 0,
	} {
		assert.Equal(t, want, commandCalls(text, "xrevrange"), "%.60q", text)
	}
}

func FuzzCommandCalls(f *testing.F) {
	f.Add("# Commandstats\r\ncmdstat_xrevrange:calls=12,usec=34\r\n", int64(3))
	f.Add("cmdstat_xrevrange:calls=9223372036854775807", int64(math.MaxInt64))
	f.Add(":\ncmdstat_xrevrange:calls=-1", int64(0))
	f.Fuzz(func(t *testing.T, text string, own int64) {
		calls := commandCalls(text, "xrevrange")
		if calls < 0 || calls > 0 && !strings.Contains(text, fmt.Sprint(calls)) && !strings.Contains(text, "=+") && !strings.Contains(text, "=0") {
			t.Errorf("%d calls in %q", calls, text)
		}
		s := newMirrorShare(0)
		s.begin()
		s.learn(1)
		s.reads = own
		if s.learn(calls); s.wakes < leastShare || s.wakes > mostShare {
			t.Errorf("%d wakes of %d reads in %q", s.wakes, own, text)
		}
	})
}
