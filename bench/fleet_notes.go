package bench

import (
	"fmt"
	"math"
	"strconv"
)

// Notes says in words what does not count, and what more mirrors would cost.
func (f Fleet) Notes() []string {
	var notes []string
	for _, p := range f.Points {
		name := fmt.Sprintf("%s with %d mirror%s", FleetScenario, p.Mirrors, plural(int64(p.Mirrors)))
		switch {
		case p.Slowed:
			notes = append(notes, fmt.Sprintf("%s: %.3g tokens were revoked a second, and not %.3g, "+
				"since Redis, or the share that it may give, had no room for more: nothing of it counts in the model", name, p.Revocations, f.Revocations))
		case p.Behind:
			notes = append(notes, fmt.Sprintf("%s: each read the log %.3g times a second, and others did %.3g times: "+
				"they could not keep up, so that nothing of it counts", name, p.Reads, p.Due))
		case p.Full:
			notes = append(notes, fmt.Sprintf("%s: %.0f %% of this machine's cores were used: "+
				"how stale the mirrors were is the machine's doing, and does not count", name, 100*p.Busy))
		case p.Learning:
			notes = append(notes, fmt.Sprintf("%s: each read the log %.3g times a second, though %.3g tokens were revoked: mirrors begin with %d, "+
				"and learn for some seconds that they may more (--warmup 16s). How stale they were is on no line", name, p.Reads, f.Revocations, firstReads))
		case p.Rests:
			notes = append(notes, fmt.Sprintf("%s: over %.3g reads a second, its share of what all may read, each rests: "+
				"how stale they were is on no line", name, f.each(p.Mirrors)))
		}
	}
	if f.Why != "" {
		return append(notes, "no model of the fleet: "+f.Why)
	}
	notes = append(notes, f.line())
	for _, e := range f.Estimates {
		notes = append(notes, f.say(e))
	}
	return notes
}

// line says what was found.
func (f Fleet) line() string {
	note := "a model of the fleet"
	if f.Revocations > 0 {
		note += fmt.Sprintf(", for %.3g revocations a second", f.Revocations)
	}
	note += fmt.Sprintf(": Redis uses %.3g %% of a core, and %.3g µs for each read of the log, of which a mirror that does not rest makes %.3g a second",
		100*f.Share.Base, 1e6*f.Share.Each, f.Reads)
	if finite(f.Share.Residual) {
		return note + fmt.Sprintf("; what was measured is off that line by %.2g %% of itself", 100*f.Share.Residual)
	}
	return note + "; two points are always on a line, so how far off it may be is not known"
}

// say says what a number of mirrors would cost.
func (f Fleet) say(e FleetEstimate) string {
	cores := "of a core"
	if e.Share.Center >= 1 {
		cores = "cores"
	}
	note := fmt.Sprintf("%s mirrors would use %.3g %s of Redis", thousands(e.Mirrors), e.Share.Center, cores)
	if f.rests(e.Mirrors) {
		note = fmt.Sprintf("%s mirrors, each of which would rest over %.3g reads a second, would use %.3g %s of Redis",
			thousands(e.Mirrors), e.Reads, e.Share.Center, cores)
	}
	if finite(e.Share.Low) && finite(e.Share.High) {
		note += fmt.Sprintf(" (%.3g to %.3g)", max(e.Share.Low, 0), e.Share.High)
	}
	switch {
	case e.Servers > 1:
		note += fmt.Sprintf(", which does not fit on one Redis (over %.1f of a core): it takes %s of them, "+
			"or a relay that reads once for many", roomyShare, thousands(e.Servers))
	case e.Doubtful:
		note += fmt.Sprintf(", which may not fit on one Redis: from %.1f of a core on, others wait", roomyShare)
	}
	if finite(e.Connections.Center) {
		note += "; " + connections(e.Connections)
	}
	if e.Refused {
		note += fmt.Sprintf(", more than its maxclients (%s)", thousands(int(f.MaxClients)))
	}
	return note
}

// connections says how many there would be, and how many there may be.
func connections(in Interval) string {
	whole := func(v float64) string { return thousands(int(math.Round(max(v, 0)))) }
	low, high := whole(in.Low), whole(in.High)
	if !finite(in.Low) || !finite(in.High) || low == high {
		return whole(in.Center) + " connections"
	}
	return fmt.Sprintf("%s connections (%s to %s)", whole(in.Center), low, high)
}

// thousands writes a number with its thousands apart: 100,000.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && n > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
