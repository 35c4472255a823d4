package scenario

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// fleetOf is a fleet of so many mirrors.
func fleetOf(t *testing.T, k Knobs, mirrors int) *fleet {
	t.Helper()
	f := openStand(t, []string{"fleet"}, k).Contenders()[0].Scenario.(*fleet)
	require.NoError(t, f.Scale(t.Context(), mirrors))
	return f
}

// A small fleet is measured: every mirror denies every revocation, within what it
// promises, and what is said of connections is what Redis says.
func TestFleetIsMeasured(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Revocations = 50
	s := openStand(t, []string{"fleet"}, k)
	results := bench.Results{Header: bench.Header{
		Scenarios: s.Descriptions(), Settings: map[string]string{"revocations": "50"},
		Environment: bench.Environment{Redis: s.Redis()},
	}}
	plan := bench.Plan{Contenders: s.Contenders(), Concurrency: []int{1, 4}, Duration: 600 * time.Millisecond, Slice: 200 * time.Millisecond}
	_, err := bench.Run(t.Context(), plan, func(slice bench.Slice) error {
		assert.Empty(t, slice.Errors)
		assert.Positive(t, slice.Operations)
		clients, err := s.redis.readClients(t.Context())
		require.NoError(t, err)
		assert.Equal(t, clients["connected_clients"], slice.Gauges[bench.GaugeConnections])
		results.Slices = append(results.Slices, slice)
		return nil
	})
	require.NoError(t, err)

	f, ok := results.Fleet()
	require.True(t, ok)
	require.Len(t, f.Points, 2)
	assert.Equal(t, 50.0, f.Revocations)
	assert.Equal(t, 10000.0, f.MaxClients)
	assert.InDelta(t, 3, f.Points[1].Connections-f.Points[0].Connections, 3, "one each, and one more for a while")
	for _, p := range f.Points {
		assert.Positive(t, p.P50)
		assert.Less(t, p.P99, 30*time.Second)
		assert.Positive(t, p.Reads)
		assert.Positive(t, p.Bytes)
		assert.Positive(t, p.ProofAge)
		assert.Positive(t, p.Share)
	}
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}

// A run that is interrupted ends all mirrors, and leaves no keys.
func TestFleetInterrupted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, err := Open(t.Context(), []string{"fleet"}, small(server, "bench"), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	slices := 0
	plan := bench.Plan{Contenders: s.Contenders(), Concurrency: []int{3}, Duration: time.Minute, Slice: 50 * time.Millisecond}
	_, err = bench.Run(ctx, plan, func(bench.Slice) error {
		if slices++; slices == 3 {
			cancel()
		}
		return nil
	})
	assert.ErrorIs(t, err, bench.ErrInterrupted)
	members := s.Contenders()[0].Scenario.(*fleet).members
	require.Len(t, members, 3)
	require.NoError(t, s.Close())
	for _, m := range members {
		<-m.ended
		assert.ErrorIs(t, m.client.Ping(t.Context()).Err(), redis.ErrClosed)
	}
	assert.Empty(t, allKeys(t, server.Client()))
}

// Mirrors come and go with the levels, and each has its own connection.
func TestFleetScales(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	f := fleetOf(t, small(server, "bench"), 3)
	for _, n := range []int{5, 2, 0, 1} {
		require.NoError(t, f.Scale(t.Context(), n))
		require.Len(t, f.members, n)
		assert.Len(t, f.writer.members, n)
		names := map[redis.UniversalClient]bool{}
		for worker, m := range f.members {
			names[m.client] = true
			do, err := f.Operation(worker, n)
			require.NoError(t, err)
			require.NoError(t, do(t.Context()))
			assert.Positive(t, f.Took(worker))
		}
		assert.Len(t, names, n)
		_, err := f.Operation(n, n+1)
		assert.Error(t, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, f.Scale(ended, 4), context.Canceled)
	assert.NoError(t, f.Scale(t.Context(), 1), "and goes on")
}

// A mirror that vouches for what was revoked longer ago than it may be stale is
// found out.
func TestFleetFindsWrongAnswers(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Revocations = 0.1 // none comes in between
	f := fleetOf(t, k, 1)
	lie := func(acknowledged time.Time) {
		known := denylist.Token{Issuer: issuer, ID: "never revoked", Session: "s", Subject: "u", Login: time.Now(), ExpiresAt: f.stand.population.expiresAt}
		f.writer.log.acknowledge(f.writer.log.add(fleetRevocation{token: known, called: acknowledged}), acknowledged)
	}
	m := f.members[0]
	lie(time.Now())
	m.look()
	require.NoError(t, m.accepts(), "it may be stale that long")
	m.next = f.writer.log.end()
	lie(time.Now().Add(-f.writer.promise - time.Second))
	do, err := f.Operation(0, 1)
	require.NoError(t, err)
	assert.Equal(t, bench.WrongAnswer, classOf(do(t.Context())))
	assert.Equal(t, f.writer.log.end(), m.next, "once")
}

// Who waits for a mirror that has ended hears of that, and nobody waits for
// longer than it may take.
func TestFleetOfMirrorsThatEnd(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Revocations = 0.1
	f := fleetOf(t, k, 2)
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	do, err := f.Operation(0, 2)
	require.NoError(t, err)
	assert.ErrorIs(t, do(late), context.DeadlineExceeded)
	f.members[1].stop()
	<-f.members[1].ended
	do, err = f.Operation(1, 2)
	require.NoError(t, err)
	assert.Equal(t, classUnavailable, classOf(do(t.Context())))
}

// What all mirrors deny is forgotten, and nobody loses count.
func TestFleetLog(t *testing.T) {
	t.Parallel()
	var l fleetLog
	for n := range 10 {
		assert.Equal(t, n, l.add(fleetRevocation{token: denylist.Token{ID: string(rune('a' + n))}}))
	}
	w := &fleetWriter{}
	for range 10 {
		w.log.add(fleetRevocation{})
	}
	m := &fleetMember{writer: w}
	w.join(m)
	assert.Equal(t, 10, m.next)
	w.forget()
	assert.Empty(t, w.log.all)
	assert.Equal(t, 10, w.log.add(fleetRevocation{}))
	w.forget()
	_, ok := w.log.at(10)
	assert.True(t, ok, "the mirror does not deny it yet")
	w.leave(m)
	assert.Empty(t, w.members)

	l.drop(4)
	got, ok := l.at(4)
	assert.True(t, ok)
	assert.Equal(t, "e", got.token.ID)
	_, ok = l.at(10)
	assert.False(t, ok)
}

// A fleet that nobody has room for is refused before anything is written.
func TestFleetWithoutRoom(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	require.NoError(t, server.Client().ConfigSet(t.Context(), "maxclients", "100").Err())
	for want, change := range map[string]func(*Knobs){
		"Redis allows 100": func(k *Knobs) { k.Concurrent = 50 },
		"GiB here":         func(k *Knobs) { k.Concurrent, k.Entries = 4000, 100_000 },
		"want 0.1 to 1000": func(k *Knobs) { k.Revocations = 1001 },
		"files open":       func(k *Knobs) { k.Concurrent, k.Entries, k.Tokens = 100_000, 0, 1 },
	} {
		k := small(server, "bench")
		change(&k)
		_, err := Open(t.Context(), []string{"fleet"}, k, nil)
		if most, ok := openFiles(); want == "files open" && (!ok || most > 300_000) {
			want = "Redis allows"
		}
		assert.ErrorIs(t, err, ErrKnob, want)
		assert.ErrorContains(t, err, want)
	}
	assert.Empty(t, allKeys(t, server.Client()))
}

func TestMachineClock(t *testing.T) {
	t.Parallel()
	busy, ok := machineClock{all: 110, idle: 52}.busySince(machineClock{all: 100, idle: 50})
	assert.True(t, ok)
	assert.InDelta(t, 0.8, busy, 1e-9)
	_, ok = machineClock{}.busySince(machineClock{})
	assert.False(t, ok)
	_, ok = machineClock{all: 1}.busySince(machineClock{all: 1})
	assert.False(t, ok)
}
