package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is what happens to the Redis of the scenario outage, for how long.
type Fault struct {
	Name  string
	Lasts time.Duration // from 10 ms to 10 min
	// Late is how much later each reply arrives, of FaultSlow alone: from 1 ms to
	// 10 s.
	Late time.Duration
}

// The faults that there are.
const (
	FaultHung       = "hung"        // nothing answers, connections stay open
	FaultKilled     = "killed"      // gone at once, and started again
	FaultSlow       = "slow"        // each reply is late
	FaultCutOff     = "cut-off"     // replies reach those who revoke alone
	FaultFailedOver = "failed-over" // gone for good: a replica takes its place
)

// FaultNames are those of all faults, in the order in which they happen where
// nobody says which.
func FaultNames() []string {
	return []string{FaultHung, FaultKilled, FaultSlow, FaultCutOff, FaultFailedOver}
}

const (
	defaultFault = 2 * time.Second
	// Of it, all beyond a mirror's max-staleness shows whether that is heeded.
	defaultCutOff = 3 * time.Second
	defaultCalm   = 2 * time.Second
	defaultLate   = 100 * time.Millisecond // twice the deadline of a check
	defaultStorm  = 20_000

	minFault     = 10 * time.Millisecond
	maxFault     = 10 * time.Minute
	maxFaults    = 100 // in a script
	maxFaultText = 64  // bytes
)

func defaultFaults() []Fault {
	var all []Fault
	for _, name := range FaultNames() {
		f := Fault{Name: name, Lasts: defaultFault}
		if name == FaultCutOff {
			f.Lasts = defaultCutOff
		}
		all = append(all, f.filled())
	}
	return all
}

func (f Fault) filled() Fault {
	if f.Name == FaultSlow && f.Late == 0 {
		f.Late = defaultLate
	}
	return f
}

// ParseFault reads one as String writes it: hung=2s, or with how late replies
// are, slow:100ms=2s. Its errors wrap ErrKnob.
func ParseFault(text string) (Fault, error) {
	if len(text) > maxFaultText {
		return Fault{}, badKnob("a fault of more than %d bytes", maxFaultText)
	}
	what, lasts, timed := strings.Cut(text, "=")
	name, late, delayed := strings.Cut(what, ":")
	f := Fault{Name: name}
	var err error
	if f.Lasts, err = time.ParseDuration(lasts); !timed || err != nil {
		return Fault{}, badKnob("a fault %q: want a name and how long, such as hung=2s", text)
	}
	if delayed {
		if f.Late, err = time.ParseDuration(late); err != nil || f.Late == 0 {
			return Fault{}, badKnob("a fault %q: want how late each reply is, such as slow:100ms=2s", text)
		}
	}
	f = f.filled()
	return f, f.check()
}

func (f Fault) check() error {
	switch {
	case !slices.Contains(FaultNames(), f.Name):
		return badKnob("no fault %q: there are %s", f.Name, strings.Join(FaultNames(), ", "))
	case f.Lasts < minFault || f.Lasts > maxFault:
		return badKnob("a fault of %v: want %v to %v", f.Lasts, minFault, maxFault)
	case f.Name == FaultSlow && (f.Late < time.Millisecond || f.Late > maxDelay):
		return badKnob("replies that are late by %v: want 1ms to %v", f.Late, maxDelay)
	case f.Name != FaultSlow && f.Late != 0:
		return badKnob("%s with replies that are late: that is %s", f.Name, FaultSlow)
	}
	return nil
}

// String writes a fault as ParseFault reads it.
func (f Fault) String() string {
	if f.Name == FaultSlow {
		return fmt.Sprintf("%s:%v=%v", f.Name, f.Late, f.Lasts)
	}
	return fmt.Sprintf("%s=%v", f.Name, f.Lasts)
}

// OutageKnobs are the script of the scenario outage: a calm, and after each
// fault another.
type OutageKnobs struct {
	Faults []Fault // in order; default one of each name, 2 s each, cut-off 3 s
	// Server is the executable of the Redis servers that are broken, as
	// lab.Find takes it.
	Server string
	// CheckTimeout is the denylist's, of one check; default its own, 50 ms.
	CheckTimeout time.Duration
}

// Script is how long the faults take, with a calm before and after each. A
// failover may take longer than it was given.
func (o OutageKnobs) Script(calm time.Duration) time.Duration {
	all := calm
	for _, f := range o.Faults {
		all += f.Lasts + calm
	}
	return all
}

func (k *Knobs) checkOutage() error {
	if len(k.Outage.Faults) > maxFaults {
		return badKnob("%d faults: want at most %d", len(k.Outage.Faults), maxFaults)
	}
	for _, f := range k.Outage.Faults {
		if err := f.check(); err != nil {
			return err
		}
	}
	switch {
	case k.Calm < 0 || k.Calm > maxFault:
		return badKnob("a calm of %v: want up to %v", k.Calm, maxFault)
	case k.Outage.CheckTimeout < 0:
		return badKnob("a negative duration")
	case k.Storm < 1 || k.Storm > maxCount:
		return badKnob("a storm of %d revocations: want 1 to %d", k.Storm, maxCount)
	}
	return nil
}
