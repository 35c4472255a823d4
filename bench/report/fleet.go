package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// fleetTable shows what mirrors cost their Redis: what was measured, and below it
// what more of them would. What the model says in words is in the notes.
func (r run) fleetTable(b *strings.Builder) {
	f, ok := r.Fleet()
	if !ok {
		return
	}
	heading := "One Redis and its mirrors"
	if f.Revocations > 0 {
		heading += fmt.Sprintf(", at %.3g revocations a second", f.Revocations)
	}
	b.WriteString("\n" + heading + "\n")
	g := grid{names: 1}
	g.row("mirrors", "redis, of a core", "connections", "sent", "reads each", "stale p50", "p99", "oldest proof", "mirrors' cores", "machine")
	for _, p := range f.Points {
		g.row(fleetPoint(p)...)
	}
	for i, e := range f.Estimates {
		if i == 0 {
			g.row("and by these lines")
		}
		g.row(fleetEstimate(e)...)
	}
	g.write(b)
	lines := "Reads each: of the log, a second. Stale: from the call of a revocation until a mirror denies it."
	for _, p := range f.Points {
		if p.Full || p.Behind || p.Rests {
			lines += " (*): does not count, see the notes."
			break
		}
	}
	wrap(b, lines, "", "", tableWidth)
}

func fleetPoint(p bench.FleetPoint) []string {
	stale := func(d time.Duration) string {
		switch text := duration(d); {
		case d == 0:
			return unknown
		case p.Full || p.Behind || p.Rests:
			return text + "*"
		default:
			return text
		}
	}
	name := strconv.Itoa(p.Mirrors)
	if p.Behind {
		name += "*"
	}
	proof := unknown
	if p.ProofAge > 0 {
		proof = duration(p.ProofAge)
	}
	return []string{name, share(p.Share), amount(p.Connections), bytesPerSecond(p.Bytes), perSecond(p.Reads),
		stale(p.P50), stale(p.P99), proof, significant(p.Client), share(p.Busy)}
}

func fleetEstimate(e bench.FleetEstimate) []string {
	const none = ""
	return []string{strconv.Itoa(e.Mirrors), fleetInterval(e.Share, cores), fleetConnections(e.Connections), bytesPerSecond(e.Bytes.Center), perSecond(e.Reads),
		nanoseconds(e.P50.Center * 1e9), nanoseconds(e.P99.Center * 1e9), none, none, none}
}

// fleetInterval is a figure with what it may be off by, if that is known.
func fleetInterval(in bench.Interval, text func(float64) string) string {
	if !bounded(in) {
		return text(in.Center)
	}
	return fmt.Sprintf("%s ±%s", text(in.Center), text((in.High-in.Low)/2))
}

// fleetConnections is a number of them: one that lines meet exactly is off by none.
func fleetConnections(in bench.Interval) string {
	if in.High-in.Low < 1 {
		return amount(in.Center)
	}
	return fleetInterval(in, amount)
}

// cores is how much a process uses.
func cores(v float64) string {
	if math.Abs(v) < 1 {
		return share(v)
	}
	return significant(v) + " cores"
}

// amount is a number of things.
func amount(v float64) string {
	if !finite(v) {
		return unknown
	}
	return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
}

func bytesPerSecond(v float64) string {
	text := scaled(v, unit{" GB", 1e9}, unit{" MB", 1e6}, unit{" kB", 1e3}, unit{" B", 1})
	if text == unknown {
		return text
	}
	return text + "/s"
}
