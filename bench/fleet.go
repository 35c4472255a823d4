package bench

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// FleetScenario is the contender whose workers are mirrors, each of which waits
// for the next revocation: its latencies are how stale they were.
const FleetScenario = "fleet"

// What a fleet has beside latencies, by the names of its gauges.
const (
	GaugeConnections = "connections"     // that Redis has, with those of others
	GaugeReads       = "reads a second"  // of the log, by all mirrors
	GaugeSent        = "bytes a second"  // that Redis sent
	GaugeProofAge    = "oldest proof, s" // of all mirrors
	GaugeBusy        = "machine busy"    // share of its cores
	GaugeRevocations = "revocations a second"
)

const (
	// roomyShare is how much of a core a Redis may use and still answer others
	// without much of a queue.
	roomyShare = 0.7
	// fullMachine is from which share of the cores on mirrors wait for these.
	fullMachine = 0.9
	// keptUp is which share of the reads of an idle machine mirrors have to
	// manage: those that are late read for several changes at once.
	keptUp = 0.6
	// firstReads is how often a second a mirror reads that does not know yet what its
	// share is (denylist.MirrorOptions), and learned how much of what is revoked one
	// reads at least that knows.
	firstReads = 16
	learned    = 0.8
	// revokedEnough is which share of the revocations that were asked for there
	// have to be.
	revokedEnough = 0.9
)

// Fleet is what a run says about mirrors of one Redis: what was measured, lines
// through it, and what they say about more mirrors than there were.
//
// A mirror reads the log after each wait for a change, which lasts a quarter of
// max-staleness at most: four reads a second while nothing happens. Each change
// ends the wait, so that with r of them a second it reads up to r + 4 times, and
// at least as often as the greater of both: ten times for ten. Over its share of
// what all of them may read, denylist.MirrorWakes, it rests, and reads no more
// often than that. Each read costs Redis the same, whosever it is, so its CPU time
// is a line over the reads of all, as is what it sends: over the number of mirrors,
// too, as long as none rests. How often they read depends on how often something
// is revoked: all of this holds for the rate that was measured.
type Fleet struct {
	Revocations float64 // a second; 0: not known
	MaxClients  float64 // connections that Redis allows; 0: not known
	Points      []FleetPoint

	// Reads is how often a second each of those mirrors reads the log that do not
	// rest.
	Reads float64

	// Lines over the reads of all mirrors a second, for which two points are needed.
	Share Line // of one core that Redis uses
	Bytes Line // a second, that Redis sends
	// Lines over the number of mirrors.
	Connections Line
	P50, P99    Line // staleness, in seconds, of mirrors that do not rest

	// Why says why there are no estimates; empty where there are.
	Why       string
	Estimates []FleetEstimate
}

// FleetPoint is one number of mirrors, as it was measured. What is not known is
// NaN.
type FleetPoint struct {
	Mirrors     int
	Share       float64 // of one core that Redis used
	Client      float64 // cores that all mirrors together used
	Connections float64
	Reads       float64 // of each mirror, a second
	Revocations float64 // a second, that there were
	Bytes       float64 // a second, that Redis sent
	ProofAge    time.Duration
	P50, P99    time.Duration // how stale the mirrors were
	Busy        float64       // share of the machine's cores that was used

	// Full: the machine's cores were used up, so that staleness is the machine's.
	// Behind: mirrors read so much less than the others that no figure counts.
	// Slowed, and so Behind: that is since less was revoked than should have been.
	// Rests: each rested between reads, which is how stale they were. Learning: that
	// is since they did not know yet how many they may have.
	Full, Behind, Slowed, Rests, Learning bool
	Due                                   float64 // reads of each that others managed, or its share of them
}

// FleetEstimate is what the lines say about a number of mirrors.
type FleetEstimate struct {
	Mirrors     int
	Reads       float64  // of each, a second
	Share       Interval // of one core
	Connections Interval
	Bytes       Interval // a second
	P50, P99    Interval // seconds; NaN where it does not fit, they rest, or nothing counts
	// Servers is how many Redis the reads would keep busy, with room to spare. 1:
	// one is enough.
	Servers int
	// Doubtful: one server seems enough, but its share may be over 0.7 as well.
	Doubtful bool
	// Refused: it takes more connections than Redis allows.
	Refused bool
}

// fleetSizes are what is extrapolated to.
func fleetSizes() []int { return []int{1_000, 100_000} }

// Fleet is the model of a run's fleet; false where none was measured.
func (r *Results) Fleet() (Fleet, bool) {
	order, turns := r.series()
	var f Fleet
	for _, s := range order { // by rising concurrency
		if s.Contender == FleetScenario {
			f.Points = append(f.Points, fleetPoint(s.Concurrency, turns[s]))
		}
	}
	if len(f.Points) == 0 {
		return Fleet{}, false
	}
	f.Revocations = setting(r.Header.Settings, "revocations")
	f.MaxClients = setting(r.Header.Environment.Redis, "maxclients")
	f.markBehind()
	f.fit()
	f.estimate()
	return f, true
}

// setting is a number that somebody wrote down; 0: there is none.
func setting(of map[string]string, name string) float64 {
	v, err := strconv.ParseFloat(of[name], 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func fleetPoint(mirrors int, turns []Slice) FleetPoint {
	all := total(turns)
	p := FleetPoint{
		Mirrors:     mirrors,
		Share:       share(all, Redis),
		Client:      share(all, Client),
		Connections: gauged(turns, GaugeConnections, slices.Max),
		Reads:       gauged(turns, GaugeReads, mean) / float64(mirrors),
		Bytes:       gauged(turns, GaugeSent, mean),
		Revocations: gauged(turns, GaugeRevocations, mean),
		Busy:        gauged(turns, GaugeBusy, mean),
	}
	if age := gauged(turns, GaugeProofAge, slices.Max); age > 0 && age < maxTime.Seconds() {
		p.ProofAge = time.Duration(age * float64(time.Second))
	}
	if all.Latency.TotalCount() > 0 {
		p.P50 = time.Duration(all.Latency.ValueAtPercentile(50))
		p.P99 = time.Duration(all.Latency.ValueAtPercentile(99))
	}
	p.Full = p.Busy >= fullMachine // not where that is unknown
	return p
}

// share is how many cores a process used.
func share(s Slice, process string) float64 {
	used, ok := s.CPU[process]
	if !ok || s.Wall <= 0 {
		return math.NaN()
	}
	return used.Seconds() / s.Wall.Seconds()
}

// gauged makes one figure of what a gauge showed; NaN: it was not read.
func gauged(turns []Slice, name string, of func([]float64) float64) float64 {
	var values []float64
	for _, t := range turns {
		if v, ok := t.Gauges[name]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	return of(values)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// markBehind finds mirrors that rested, and numbers of them that could not read
// as often as they do.
func (f *Fleet) markBehind() {
	most := 0.0
	for _, p := range f.Points {
		if finite(p.Reads) {
			most = max(most, p.Reads)
		}
	}
	var free []float64
	for i := range f.Points {
		p := &f.Points[i]
		p.Due = most
		if p.Rests = f.rests(p.Mirrors); p.Rests {
			p.Due = min(most, f.each(p.Mirrors))
		}
		p.Slowed = p.Revocations < revokedEnough*f.Revocations // not where one of them is unknown
		if f.Revocations > firstReads {
			p.Due = min(p.Due, firstReads)
			p.Learning = !p.Rests && !p.Slowed && p.Reads < learned*f.Revocations
			p.Rests = p.Rests || p.Learning
		}
		p.Behind = p.Slowed || p.Reads < keptUp*p.Due
		if !p.Behind && !p.Rests && finite(p.Reads) {
			free = append(free, p.Reads)
		}
	}
	f.Reads = max(leastReads, f.Revocations)
	if len(free) > 0 {
		f.Reads = mean(free)
	}
}
