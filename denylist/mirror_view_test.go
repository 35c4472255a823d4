package denylist

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

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
