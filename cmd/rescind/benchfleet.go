package main

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
)

// fleetFlags are those of the scenarios about many mirrors, and large ones.
type fleetFlags struct {
	sizes       []int
	revocations float64
}

func (f *fleetFlags) declare(fs *pflag.FlagSet) {
	usual := scenario.Defaults()
	f.sizes = usual.Sizes
	fs.Var(sizesValue{&f.sizes}, "sizes", "")
	f.revocations = usual.Revocations
	fs.Var(revocationsValue{&f.revocations}, "revocations", "")
}

// check refuses an open loop of mirrors: what they wait for has a rate of its own.
func (f *fleetFlags) check(scenarios []string, rate float64) error {
	if rate > 0 && slices.Contains(scenarios, bench.FleetScenario) {
		return usageError("--rate with %s: its operations end when something was revoked", bench.FleetScenario).
			hint("--revocations N is how often that happens")
	}
	return nil
}

// contenders is how many more of them take turns than there are scenarios: a
// cold start has one for each size.
func (f *fleetFlags) contenders(scenarios []string) int {
	more := 0
	for _, name := range scenarios {
		if name == "cold-start" || name == "cold-start-scan" {
			more += len(f.sizes) - 1
		}
	}
	return more
}

// usualConcurrency are the levels of a run that names none: those of the first
// scenario that has some of its own.
func usualConcurrency(scenarios []string) []int {
	for _, name := range scenarios {
		for _, known := range scenario.List() {
			if known.Name == name && known.Concurrency != nil {
				return known.Concurrency
			}
		}
	}
	return []int{64}
}

// ownBaseline is that of the first contender which has one.
func ownBaseline(described []bench.Description) string {
	for _, d := range described {
		if d.Baseline != "" {
			return d.Baseline
		}
	}
	return ""
}

// withoutOwn are contenders that are all compared with one that somebody named.
func withoutOwn(described []bench.Description) []bench.Description {
	described = slices.Clone(described)
	for i := range described {
		described[i].Baseline = ""
	}
	return described
}

// keepFleet keeps the slices that a model of the fleet is made of.
func (m *measurement) keepFleet(s bench.Slice) {
	if s.Contender == bench.FleetScenario {
		m.fleet.Slices = append(m.fleet.Slices, s)
	}
}

// fleetNotes are what that says in words; none where no fleet was measured.
func (m *measurement) fleetNotes() []string {
	f, ok := m.fleet.Fleet()
	if !ok {
		return nil
	}
	return f.Notes()
}

// sizesValue is numbers of entries as a flag, such as 10k,1M (pflag.Value).
type sizesValue struct{ to *[]int }

func (v sizesValue) Type() string { return "sizes" }

func (v sizesValue) String() string {
	var parts []string
	for _, size := range *v.to {
		parts = append(parts, strconv.Itoa(size))
	}
	return strings.Join(parts, ",")
}

func (v sizesValue) Set(text string) error {
	var sizes []int
	for part := range strings.SplitSeq(text, ",") {
		digits, times := part, 1
		for unit, worth := range map[string]int{"k": 1000, "M": 1_000_000} {
			if number, ok := strings.CutSuffix(part, unit); ok {
				digits, times = number, worth
			}
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 {
			return errors.New("want numbers of entries, such as 10000,1000000 or 10k,1M")
		}
		size := int(n) * times // #nosec G115 -- of 32 bits
		if slices.Contains(sizes, size) {
			return errors.New("a size is named twice")
		}
		sizes = append(sizes, size)
	}
	*v.to = sizes
	return nil
}

// revocationsValue is how many there are a second, as a flag (pflag.Value).
type revocationsValue struct{ to *float64 }

func (v revocationsValue) Type() string   { return "rate" }
func (v revocationsValue) String() string { return strconv.FormatFloat(*v.to, 'g', -1, 64) }

func (v revocationsValue) Set(text string) error {
	rate, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
		return errors.New("want revocations a second, such as 10: without any, nobody could tell how stale a mirror is")
	}
	*v.to = rate
	return nil
}
