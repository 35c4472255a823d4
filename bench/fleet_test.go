package bench_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// madeUp is a run of a fleet whose figures are lines over the mirrors: of CPU
// time 2 % of a core and 0.2 ‰ for each, two connections and one for each, 100 µs
// of staleness and a microsecond for each. Noise is a share of each figure.
// None of them rests.
func madeUp(noise float64, mirrors ...int) *bench.Results { return madeUpOf(1, noise, mirrors...) }

const readsOfEach = 5.9

func madeUpOf(seed uint64, noise float64, mirrors ...int) *bench.Results {
	random := rand.New(rand.NewPCG(seed, 2))
	about := func(v float64) float64 { return v * (1 + noise*random.NormFloat64()) }
	r := &bench.Results{Header: bench.Header{
		Scenarios:   []bench.Description{{Name: "verify"}, {Name: bench.FleetScenario}},
		Settings:    map[string]string{"revocations": "5"},
		Environment: bench.Environment{Redis: map[string]string{"maxclients": "10000"}},
	}}
	for _, n := range mirrors {
		for round := range 5 {
			late := hdrhistogram.New(1, int64(time.Second), 3)
			for range 10 {
				_ = late.RecordValue(int64(about(1e5 + 1e3*float64(n))))
			}
			r.Slices = append(r.Slices, bench.Slice{
				Contender: bench.FleetScenario, Concurrency: n, Round: round, Wall: time.Second, Operations: 100, Latency: late,
				CPU: map[string]time.Duration{
					bench.Redis:  time.Duration(about(0.02+0.0002*float64(n)) * 1e9),
					bench.Client: time.Duration(0.0005 * float64(n) * 1e9),
				},
				Gauges: map[string]float64{
					bench.GaugeConnections: 2 + float64(n), bench.GaugeReads: readsOfEach * float64(n),
					bench.GaugeSent: 500 * float64(n), bench.GaugeProofAge: 0.25, bench.GaugeBusy: 0.5,
				},
			})
		}
	}
	return r
}

func fleetOf(t *testing.T, r *bench.Results) bench.Fleet {
	t.Helper()
	f, ok := r.Fleet()
	require.True(t, ok)
	return f
}

func TestFleetFindsTheLine(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, madeUp(0, 400, 1, 10, 100))
	assert.Equal(t, 5.0, f.Revocations)
	assert.InDelta(t, readsOfEach, f.Reads, 1e-9)
	assert.Equal(t, 10000.0, f.MaxClients)
	require.Len(t, f.Points, 4)
	assert.Equal(t, 1, f.Points[0].Mirrors, "by rising number")
	p := f.Points[2]
	assert.InDelta(t, 0.04, p.Share, 1e-9)
	assert.InDelta(t, 0.05, p.Client, 1e-9)
	assert.InDelta(t, readsOfEach, p.Reads, 1e-9)
	assert.Equal(t, 250*time.Millisecond, p.ProofAge)
	assert.False(t, p.Full || p.Behind || p.Rests)

	assert.Empty(t, f.Why)
	assert.InDelta(t, 0.02, f.Share.Base, 1e-6)
	assert.InDelta(t, 0.0002/readsOfEach, f.Share.Each, 1e-9, "for each read")
	assert.InDelta(t, 0, f.Share.Residual, 1e-6)
	require.Len(t, f.Estimates, 2)
	thousand, many := f.Estimates[0], f.Estimates[1]
	assert.Equal(t, 1000, thousand.Mirrors)
	assert.InDelta(t, 0.22, thousand.Share.Center, 1e-4)
	assert.InDelta(t, 0.22, thousand.Share.High, 1e-3)
	assert.InDelta(t, 1002, thousand.Connections.Center, 1e-6)
	assert.InDelta(t, 500_000, thousand.Bytes.Center, 1)
	assert.InDelta(t, 1.1e-3, thousand.P50.Center, 5e-5)
	assert.Equal(t, 1, thousand.Servers)
	assert.False(t, thousand.Doubtful || thousand.Refused)

	assert.Equal(t, 100_000, many.Mirrors)
	assert.InDelta(t, 20.02, many.Share.Center, 0.01)
	assert.Equal(t, 30, many.Servers, "20 cores of reads, at 0.68 for them on each")
	assert.True(t, many.Refused)
	assert.True(t, math.IsNaN(many.P50.Center), "how stale mirrors of a Redis are that cannot keep up is not known")
}

// What is true lies in the interval, about as often as is promised, and that grows
// with the noise.
func TestFleetOfNoise(t *testing.T) {
	t.Parallel()
	const runs = 100
	var widths []float64
	for _, noise := range []float64{0.02, 0.2} {
		found, width := [2]int{}, 0.0
		for seed := range uint64(runs) {
			f := fleetOf(t, madeUpOf(seed, noise, 1, 10, 50, 100, 200, 400))
			require.Len(t, f.Estimates, 2)
			assert.Positive(t, f.Share.Residual)
			for i, want := range []float64{0.22, 20.02} {
				share := f.Estimates[i].Share
				if share.Low < want && want < share.High {
					found[i]++
				}
			}
			width += f.Estimates[0].Share.High - f.Estimates[0].Share.Low
		}
		for _, n := range found {
			assert.Greater(t, n, runs*9/10, "of %d, noise %v", runs, noise)
		}
		widths = append(widths, width)
	}
	assert.InDelta(t, 10, widths[1]/widths[0], 3, "ten times the noise")
}

// Three points, of which the middle one is a third off: with as many t is 12.706.
func TestLineInterval(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 100, 200, 300)
	for i := range r.Slices {
		y := map[int]float64{100: 0.1, 200: 0.3, 300: 0.3}[r.Slices[i].Concurrency]
		r.Slices[i].CPU[bench.Redis] = time.Duration(y * 1e9)
	}
	// By hand: weights 100, 100/9, 100/9; Σw 1100/9, mean 1350/11, Σw·(x−mean)² 5.909e5.
	f := fleetOf(t, r)
	const w = 100.0 / 9
	mean := (9*w*100 + w*200 + w*300) / (11 * w)
	spread := 9*w*(100-mean)*(100-mean) + w*(200-mean)*(200-mean) + w*(300-mean)*(300-mean)
	product := 9*w*(100-mean)*0.1 + w*(200-mean)*0.3 + w*(300-mean)*0.3
	each := product / spread
	base := (9*0.1+0.3+0.3)/11 - each*mean
	assert.InDelta(t, each/readsOfEach, f.Share.Each, 1e-12)
	assert.InDelta(t, base, f.Share.Base, 1e-12)
	square := func(v float64) float64 { return v * v }
	residual := math.Sqrt(9*w*square(0.1-base-100*each) + w*square(0.3-base-200*each) + w*square(0.3-base-300*each))
	assert.InDelta(t, residual, f.Share.Residual, 1e-12)
	at := f.ShareAt(200)
	off := 12.7062 * residual * math.Sqrt(square(at.Center)+1/(11*w)+square(200-mean)/spread)
	assert.InDelta(t, off, at.High-at.Center, 1e-4)
}

func TestFleetThatIsNoModel(t *testing.T) {
	t.Parallel()
	_, ok := (&bench.Results{}).Fleet()
	assert.False(t, ok)
	_, ok = (&bench.Results{Slices: []bench.Slice{{Contender: "verify", Concurrency: 1, Wall: 1}}}).Fleet()
	assert.False(t, ok, "no fleet")

	for name, spoil := range map[string]func(r *bench.Results){
		"one point": func(r *bench.Results) { r.Slices = r.Slices[:5] },
		"no CPU time": func(r *bench.Results) {
			for i := range r.Slices {
				delete(r.Slices[i].CPU, bench.Redis)
			}
		},
		"none that kept up": func(r *bench.Results) {
			for i := range r.Slices {
				if r.Slices[i].Concurrency > 1 {
					r.Slices[i].Gauges[bench.GaugeReads] /= 2
				}
			}
		},
		"no busier": func(r *bench.Results) {
			for i := range r.Slices {
				r.Slices[i].CPU[bench.Redis] = time.Second / time.Duration(r.Slices[i].Concurrency+1)
			}
		},
	} {
		r := madeUp(0, 1, 10, 100)
		spoil(r)
		f := fleetOf(t, r)
		assert.NotEmpty(t, f.Why, name)
		assert.Empty(t, f.Estimates, name)
		assert.NotEmpty(t, f.Points, name)
	}
}

// One more connection at one point, as somebody's who looks, is no figure of four
// digits for a thousand mirrors.
func TestFleetSaysHowManyConnectionsThereMayBe(t *testing.T) {
	t.Parallel()
	exact := fleetOf(t, madeUp(0, 1, 8, 16))
	assert.Contains(t, strings.Join(exact.Notes(), "\n"), "; 1,002 connections\n")
	r := madeUp(0, 1, 8, 16)
	for i := range r.Slices {
		if r.Slices[i].Concurrency == 8 {
			r.Slices[i].Gauges[bench.GaugeConnections]++
		}
	}
	assert.Regexp(t, `; [\d,]+ connections \([\d,]+ to [\d,]+\)\n`, strings.Join(fleetOf(t, r).Notes(), "\n"))
}

func TestFleetOfTwoPoints(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, madeUp(0, 1, 100))
	require.Len(t, f.Estimates, 2)
	share := f.Estimates[0].Share
	assert.InDelta(t, 0.22, share.Center, 1e-4)
	assert.True(t, math.IsNaN(share.Low) && math.IsNaN(share.High), "two points are always on a line: %v", share)
	assert.True(t, math.IsNaN(f.Share.Residual))
}

// Staleness on a machine whose cores are full is the machine's; the CPU time of
// Redis is what it is.
func TestFleetOnAFullMachine(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 1, 10, 100, 400)
	for i, s := range r.Slices {
		if s.Concurrency == 400 {
			r.Slices[i].Gauges[bench.GaugeBusy] = 1
			r.Slices[i].Latency = hdrhistogram.New(1, int64(time.Second), 3)
			_ = r.Slices[i].Latency.RecordValue(int64(time.Second))
		}
	}
	f := fleetOf(t, r)
	assert.True(t, f.Points[3].Full)
	assert.InDelta(t, 1.1e-3, f.Estimates[0].P50.Center, 5e-5, "as if it had not been measured")
	assert.InDelta(t, 0.0002/readsOfEach, f.Share.Each, 1e-9)

	for i := range r.Slices {
		r.Slices[i].Gauges[bench.GaugeBusy] = 1
	}
	f = fleetOf(t, r)
	assert.True(t, math.IsNaN(f.Estimates[0].P50.Center))
	assert.InDelta(t, 0.22, f.Estimates[0].Share.Center, 1e-4)
}

// Mirrors that rest read as often as their share allows: then their number hardly
// matters to Redis, and how stale they are is no matter of a line.
func TestFleetThatRests(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 1, 10, 100, 200, 400)
	r.Header.Settings["revocations"] = "30"
	const base, each, free = 0.01, 60e-6, 31.0
	for i := range r.Slices {
		s := &r.Slices[i]
		reads := float64(s.Concurrency) * map[int]float64{1: free, 10: free, 100: free, 200: 20, 400: 10}[s.Concurrency]
		s.Gauges[bench.GaugeReads] = reads
		s.CPU[bench.Redis] = time.Duration((base + each*reads) * 1e9)
		if s.Concurrency >= 200 {
			s.Latency = hdrhistogram.New(1, int64(time.Second), 3)
			_ = s.Latency.RecordValue(int64(100 * time.Millisecond))
		}
	}
	f := fleetOf(t, r)
	for i, rests := range []bool{false, false, false, true, true} {
		assert.Equal(t, rests, f.Points[i].Rests)
		assert.False(t, f.Points[i].Behind, "as often as it should")
	}
	assert.InDelta(t, free, f.Reads, 1e-9)
	assert.InDelta(t, each, f.Share.Each, 1e-9)
	assert.InDelta(t, 200e-6, f.P50At(100).Center, 1e-5, "as if those that rest had not been measured")
	require.Len(t, f.Estimates, 2)
	thousand, many := f.Estimates[0], f.Estimates[1]
	assert.Equal(t, 8.0, thousand.Reads)
	assert.InDelta(t, base+8000*each, thousand.Share.Center, 1e-6)
	assert.Equal(t, 1, thousand.Servers)
	assert.True(t, math.IsNaN(thousand.P50.Center))
	assert.InDelta(t, base+800_000*each, many.Share.Center, 1e-3)
	assert.Equal(t, 70, many.Servers, "1437 mirrors each: 11,500 reads are 0.69 of a core")
	assert.Contains(t, strings.Join(f.Notes(), "\n"), "fleet with 200 mirrors: over 20 reads a second")

	for i := range r.Slices {
		if r.Slices[i].Concurrency == 400 {
			r.Slices[i].Gauges[bench.GaugeReads] = 400 * 5
		}
	}
	assert.True(t, fleetOf(t, r).Points[4].Behind, "half of its share")
}

// Mirrors that have just begun read less than they will: that they could not keep
// up, or that others read no more, would be wrong.
func TestFleetThatLearns(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 1, 10, 30)
	r.Header.Settings["revocations"] = "100"
	for i := range r.Slices {
		s := &r.Slices[i]
		reads := float64(s.Concurrency) * map[int]float64{1: 53, 10: 55, 30: 18}[s.Concurrency]
		s.Gauges[bench.GaugeReads] = reads
		s.CPU[bench.Redis] = time.Duration((0.01 + 60e-6*reads) * 1e9)
	}
	f := fleetOf(t, r)
	for _, p := range f.Points {
		assert.True(t, p.Learning && p.Rests)
		assert.False(t, p.Behind)
	}
	assert.Equal(t, 100.0, f.Reads, "what they will read")
	assert.InDelta(t, 60e-6, f.Share.Each, 1e-9, "a read costs the same")
	said := strings.Join(f.Notes(), "\n")
	assert.Contains(t, said, "fleet with 30 mirrors: each read the log 18 times a second, though 100 tokens were revoked: mirrors begin with 16")
	assert.NotContains(t, said, "keep up")
}

// TestFleetWhoseRevocationsWereHeldBack: at another rate of them mirrors cost
// something else, so such a number of mirrors is on no line.
func TestFleetWhoseRevocationsWereHeldBack(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 1, 10, 100)
	for _, s := range r.Slices {
		s.Gauges[bench.GaugeRevocations] = map[int]float64{1: 5.1, 10: 4.9, 100: 2.5}[s.Concurrency]
	}
	f := fleetOf(t, r)
	for i, slowed := range []bool{false, false, true} {
		assert.Equal(t, slowed, f.Points[i].Slowed)
		assert.Equal(t, slowed, f.Points[i].Behind)
	}
	assert.Contains(t, f.Notes()[0], "fleet with 100 mirrors: 2.5 tokens were revoked a second, and not 5, since Redis, or")
}

// A file may be anybody's.
func TestFleetOfForeignFigures(t *testing.T) {
	t.Parallel()
	r := madeUp(0, 1, 10, 100)
	r.Header.Settings["revocations"] = "-3"
	r.Header.Environment.Redis["maxclients"] = "many"
	for i := range r.Slices {
		r.Slices[i].Gauges = map[string]float64{
			bench.GaugeConnections: math.NaN(), bench.GaugeProofAge: -1, bench.GaugeReads: math.Inf(1), bench.GaugeBusy: 1e300,
		}
	}
	f := fleetOf(t, r)
	assert.Zero(t, f.Revocations)
	assert.Zero(t, f.MaxClients)
	assert.Zero(t, f.Points[0].ProofAge)
	require.Len(t, f.Estimates, 2)
	assert.False(t, f.Estimates[1].Refused, "not known")
}
