package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// burnVariable tells the test binary to be a busy process, and nothing else.
const burnVariable = "RESCIND_BENCH_TEST_BURN"

// TestMain lets the test binary be the load on the machine, too.
func TestMain(m *testing.M) {
	if os.Getenv(burnVariable) != "" {
		for began := time.Now(); time.Since(began) < time.Minute && work(1000) != 0; {
		}
		return
	}
	os.Exit(m.Run())
}

// work is so many rounds of what the processor cannot shorten.
func work(rounds int) uint64 {
	x := uint64(rounds) | 1
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// working is a scenario of so much work.
type working int

func (w working) Operation(int, int) (Operation, error) {
	var kept uint64
	return func(context.Context) error {
		if kept += work(int(w)); kept == 0 {
			return fmt.Errorf("after %d rounds", w)
		}
		return nil
	}, nil
}

// load keeps all processors busy with other processes until the test ends.
func load(t *testing.T, processes int) {
	for range processes {
		burn := exec.CommandContext(t.Context(), os.Args[0])
		burn.Env = append(os.Environ(), burnVariable+"=1")
		require.NoError(t, burn.Start())
		t.Cleanup(func() {
			_ = burn.Process.Kill()
			_ = burn.Wait()
		})
	}
}

// ratios are those of the second contender over the first, pair by pair, by
// wall time and by this process's CPU time, sorted.
func ratios(t *testing.T, all []Slice) (wall, cpu []float64) {
	for i := 0; i < len(all); i += 2 {
		a, b := all[i], all[i+1]
		require.Equal(t, a.Round, b.Round)
		operations := float64(a.Operations) / float64(b.Operations)
		wall = append(wall, float64(b.Wall)/float64(a.Wall)*operations)
		cpu = append(cpu, float64(b.CPU[Client])/float64(a.CPU[Client])*operations)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return wall, cpu
}

// TestPairsOfKnownRatio: of two scenarios, one of which is twice the work, the
// pairs say so, whatever else the machine has to do meanwhile, though an
// operation takes several times as long: by CPU time nearly exactly, and by wall
// time some pair says less and some more, which the load drives apart. That all
// of them are on one side by chance, and off by more than a twentieth, does not
// happen. It is not parallel: the CPU time has to be its own.
func TestPairsOfKnownRatio(t *testing.T) {
	var quiet, loaded time.Duration
	for _, c := range []struct {
		name      string
		processes int
		took      *time.Duration
	}{{"quiet", 0, &quiet}, {"loaded", 3, &loaded}} {
		t.Run(c.name, func(t *testing.T) {
			load(t, c.processes)
			var all []Slice
			_, err := Run(t.Context(), Plan{
				Contenders:  []Contender{{Name: "once", Scenario: working(20_000)}, {Name: "twice", Scenario: working(40_000)}},
				Concurrency: []int{2}, Duration: 1100 * time.Millisecond, Slice: 100 * time.Millisecond, Warmup: 100 * time.Millisecond,
			}, func(s Slice) error {
				all = append(all, s)
				*c.took += s.Wall / time.Duration(max(s.Operations, 1))
				return nil
			})
			require.NoError(t, err)
			require.Len(t, all, 22)
			wall, cpu := ratios(t, all)
			assert.LessOrEqual(t, wall[0], 2.1, "by wall time: %.2f", wall)
			assert.GreaterOrEqual(t, wall[len(wall)-1], 1.9, "by wall time: %.2f", wall)
			assert.InDelta(t, 2, cpu[len(cpu)/2], 0.25, "by CPU time: %.2f", cpu)
			t.Logf("wall %.3f (%.2f to %.2f), cpu %.3f (%.2f to %.2f)", wall[len(wall)/2], wall[0], wall[len(wall)-1],
				cpu[len(cpu)/2], cpu[0], cpu[len(cpu)-1])
		})
	}
	t.Logf("an operation took %v, and %v under load", quiet/22, loaded/22)
}
