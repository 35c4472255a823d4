package proofs

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const storm = 1000 // concurrent exchanges of one token

// outcome of one exchange in a storm.
type outcome struct {
	status int
	pair   pair
	err    error
}

// stormOf sends one token to every server of the fleet at once, n times.
func stormOf(f *fleet, token string, n int) []outcome {
	out := make([]outcome, n)
	each(n, func(i int) {
		o := &out[i]
		o.status, o.pair, o.err = f.rotate(f.nodes[i%len(f.nodes)], token)
	})
	return out
}

func TestR8_StormWithWindowHasOneSuccessor(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, "--replay-window", longWindow, "--check-timeout", patience)
	first := f.login(t, f.nodes[0])
	successors, accesses := map[any]int{}, map[any]int{}
	for _, o := range stormOf(f, first.Refresh, storm) {
		require.NoError(t, o.err)
		require.Equal(t, http.StatusOK, o.status, "rotate in a storm: %s", o.pair.Error)
		successors[claim(t, o.pair.Refresh, "jti")]++
		accesses[claim(t, o.pair.Access, "jti")]++
	}
	assert.Len(t, successors, 1, "refresh tokens that %d exchanges minted", storm)
	assert.Len(t, accesses, 1, "access tokens that %d exchanges minted", storm)
}

func TestR8_StormWithoutWindowHasOneWinner(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, "--replay-window", "0", "--check-timeout", patience)
	first := f.login(t, f.nodes[0])
	count := map[string]int{}
	for _, o := range stormOf(f, first.Refresh, storm) {
		require.NoError(t, o.err)
		switch o.status {
		case http.StatusOK:
			count["won"]++
		default:
			count[o.pair.Error]++
		}
	}
	assert.Equal(t, map[string]int{"won": 1, "token_reused": storm - 1}, count)
}

// At the last instants of a token, on either side, there are never two
// successors: neither the server nor Redis gives a leeway (R7).
func TestR7_ExpiryEdgeHasOneSuccessor(t *testing.T) {
	t.Parallel()
	for _, window := range []string{"10s", "0"} {
		t.Run("window="+window, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 3, "--replay-window", window, "--check-timeout", patience,
				"--access-ttl", "1s", "--refresh-ttl", "2s")
			for range 3 {
				first := f.login(t, f.nodes[0])
				exp := time.Unix(int64(claim(t, first.Refresh, "exp").(float64)), 0)
				var mu sync.Mutex
				successors := map[any]int{}
				var answered atomic.Int64
				each(300, func(i int) {
					// From 150 ms before to 150 ms after, one a millisecond.
					time.Sleep(time.Until(exp.Add(time.Duration(i-150) * time.Millisecond)))
					status, p, err := f.rotate(f.nodes[i%3], first.Refresh)
					if assert.NoError(t, err) && status == http.StatusOK {
						mu.Lock()
						successors[claim(t, p.Refresh, "jti")]++
						mu.Unlock()
					} else {
						assert.Contains(t, []string{"token_expired", "token_reused"}, p.Error, "status %d", status)
					}
					answered.Add(1)
				})
				assert.LessOrEqual(t, len(successors), 1, "successors of one token at its expiry")
				assert.EqualValues(t, 300, answered.Load())
			}
		})
	}
}

// A server dies in the storm: whoever lost its answer asks another server, and
// gets the successor that stands.
func TestR8_KilledServerLeavesOneSuccessor(t *testing.T) {
	t.Parallel()
	const clients = 120
	f := newFleet(t, 3, "--replay-window", longWindow, "--check-timeout", patience)
	for victim := range f.nodes {
		first := f.login(t, f.nodes[(victim+1)%3])
		var mu sync.Mutex
		successors := map[any]int{}
		var started atomic.Int64
		each(clients+1, func(i int) {
			if i == clients { // the killer strikes once the storm is on
				for started.Load() < clients/4 {
					time.Sleep(time.Millisecond)
				}
				_ = f.nodes[victim].cmd.Process.Kill()
				return
			}
			for attempt := range 20 {
				started.Add(1)
				status, p, err := f.rotate(f.nodes[(victim+i+attempt)%3], first.Refresh)
				if retryable(status, err) {
					continue
				}
				if assert.Equal(t, http.StatusOK, status, "retry of a client: %s", p.Error) {
					mu.Lock()
					successors[claim(t, p.Refresh, "jti")]++
					mu.Unlock()
				}
				return
			}
			assert.Fail(t, "no answer in 20 attempts")
		})
		<-f.nodes[victim].exited
		assert.Len(t, successors, 1, "successors after server %d was killed", victim)
		f.nodes[victim] = f.start(t, "--replay-window", longWindow, "--check-timeout", patience)
		f.ready(t, f.nodes[victim])
	}
}

func payload(t *testing.T, token string) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3, "a compact JWS")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	return b
}
