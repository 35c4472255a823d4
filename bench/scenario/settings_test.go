package scenario

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// Every value of every dial opens, and gives right answers; what it opened is
// closed with the stand at the latest.
func TestCandidate_EveryValue(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	s, err := Open(t.Context(), []string{"verify"}, k, nil)
	require.NoError(t, err)
	dials := s.Dials()
	points := append(s.Starts(), dials.Defaults())
	for i, d := range dials {
		for v := range d.Values {
			p := dials.Defaults()
			p[i] = v
			points = append(points, p)
		}
	}
	for _, p := range points {
		c, err := s.Candidate(t.Context(), "one", s.SettingsAt(p))
		require.NoError(t, err, p)
		assert.Empty(t, exercise(t, c.Verify(), 4, 50), "%v", p)
		assert.Empty(t, exercise(t, c.Checks(), 2, 20), "%v", p)
		if p[1] == 3 { // the others are the stand's to close
			require.NoError(t, c.Close())
		}
	}
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
	connected, err := server.Client().ClientList(t.Context()).Result()
	require.NoError(t, err)
	assert.NotContains(t, connected, "cmd=exists")
}

// The default point is the engine's own defaults, and they are what users read.
func TestDials_Defaults(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"verify"}, small(server, server.Prefix()))
	dials := s.Dials()
	assert.Equal(t, Settings{}, s.SettingsAt(dials.Defaults()))
	assert.Empty(t, dials.Costs(dials.Defaults()))
	written := map[string]string{}
	for _, d := range dials {
		written[d.Name] = d.Values[d.Default]
	}
	assert.Equal(t, map[string]string{
		DialCheck: "strict", DialFlights: "4", DialWindow: "2ms", DialBatch: "1024", DialCache: "32768",
		DialPool: strconv.Itoa(s.poolSize()),
	}, written)
	for _, p := range s.Starts() {
		for i, value := range p {
			require.GreaterOrEqual(t, value, 0, dials[i].Name)
		}
		assert.Empty(t, dials.Costs(p))
	}
	mirror := tune.Point{1, 1, 4, 2, 0, 0}
	assert.Equal(t, Settings{Mirror: true}, s.SettingsAt(mirror))
	assert.NotEmpty(t, dials.Costs(mirror))
	confirmed := tune.Point{2, 1, 4, 2, 0, 0}
	assert.Equal(t, Settings{Mirror: true, Confirmed: true}, s.SettingsAt(confirmed))
	assert.Empty(t, dials.Costs(confirmed), "which is strict")
	for i, d := range dials {
		idle := map[string][2]bool{DialFlights: {true, false}, DialWindow: {true, false}, DialBatch: {true, true}, DialPool: {true, false}}[d.Name]
		if d.Idle != nil {
			assert.Equal(t, idle, [2]bool{d.Idle(mirror), d.Idle(confirmed)}, dials[i].Name)
		}
	}
}

// A larger cache is tried only where there are tokens for it.
func TestDials_Cache(t *testing.T) {
	t.Parallel()
	for tokens, want := range map[int][]string{
		1:       {"32768"},
		32768:   {"32768"},
		40000:   {"32768", "65536"},
		1000000: {"32768", "65536", "262144", "1048576"},
	} {
		s := &Stand{knobs: Knobs{Tokens: tokens}}
		assert.Equal(t, want, s.cacheDial().Values, tokens)
	}
}

// Wakes are tried only as far as they make a difference.
func TestWakes(t *testing.T) {
	t.Parallel()
	for revocations, want := range map[float64][]int{0.1: {0}, 10: {0, 4}, 100: {0, 4, 16, 64}, 200: {0, 4, 16, 64, 256}, 1000: {0, 4, 16, 64, 256}} {
		s := &Stand{knobs: Knobs{Revocations: revocations}}
		assert.Equal(t, want, s.Wakes(), "%v a second", revocations)
	}
}

func TestCandidate_Refused(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"verify"}, small(server, server.Prefix()))
	for name, of := range map[string]Settings{
		"a negative pool":    {PoolSize: -1},
		"a huge pool":        {PoolSize: maxPool + 1},
		"negative flights":   {CheckFlights: -1},
		"too many flights":   {CheckFlights: 65},
		"a tiny batch":       {CheckBatch: 3},
		"a huge batch":       {CheckBatch: 1 << 20},
		"a negative window":  {CheckWindow: -1},
		"a window too long":  {CheckWindow: time.Hour},
		"wakes of no mirror": {MirrorWakes: 16},
		"confirming nothing": {Confirmed: true},
		"too many wakes":     {Mirror: true, MirrorWakes: 1001},
		"a negative cache":   {CacheEntries: -1},
		"a cache too large":  {CacheEntries: 1 << 60},
	} {
		_, err := s.Candidate(t.Context(), "one", of)
		assert.ErrorIs(t, err, ErrKnob, name)
	}
	none := openStand(t, []string{"signature"}, Knobs{Tokens: 2})
	_, err := none.Candidate(t.Context(), "one", Settings{})
	assert.ErrorIs(t, err, ErrMissing)
}

// A candidate that cannot be opened leaves nothing open.
func TestCandidate_Interrupted(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"verify"}, small(server, server.Prefix()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, of := range []Settings{{}, {Mirror: true}} {
		before := len(s.closers)
		_, err := s.Candidate(ctx, "one", of)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Len(t, s.closers, before)
	}
}

func TestWithPool(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"redis://u@h:1/3":                  "redis://u@h:1/3?pool_size=40",
		"redis://h?pool_size=7&db=1":       "redis://h?db=1&pool_size=40",
		"unix:///r.sock?db=1":              "unix:///r.sock?db=1&pool_size=40",
		"redis+cluster://h:1?addr=h%3A2":   "redis+cluster://h:1?addr=h%3A2&pool_size=40",
		"redis+sentinel://h?master_name=m": "redis+sentinel://h?master_name=m&pool_size=40",
	} {
		got, err := withPool(from, 40)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		client, err := denylist.OpenURL(got, "")
		require.NoError(t, err)
		require.NoError(t, client.Close())
		same, err := withPool(from, 0)
		require.NoError(t, err)
		assert.Equal(t, from, same)
	}
	_, err := withPool("redis://%zz:hunter2@h", 40)
	assert.ErrorIs(t, err, ErrKnob)
	assert.NotContains(t, err.Error(), "hunter2")
}
