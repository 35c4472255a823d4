package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// unknown stands where a figure is not known, which is not the same as zero.
const unknown = "-"

// significant writes a number with three significant digits: more would claim a
// precision that no measurement has. Only the absurd gets an exponent.
func significant(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	v = rounded(v)
	if v == 0 {
		return "0"
	}
	decimals := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if decimals > 9 || decimals < -3 {
		return strconv.FormatFloat(v, 'e', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', max(decimals, 0), 64)
}

// rounded is v to three significant digits. Rounding comes before the choice
// of a unit, so that 999.9µs is 1.00ms.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// unit is a name and what it is worth.
type unit struct {
	name  string
	worth float64
}

// scaled writes v in the largest unit that leaves at least 1 before the point;
// units go from the largest to the smallest.
func scaled(v float64, units ...unit) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	for _, u := range units {
		if math.Abs(rounded(v/u.worth)) >= 1 {
			return significant(v/u.worth) + u.name
		}
	}
	last := units[len(units)-1]
	return significant(v/last.worth) + last.name
}

// nanoseconds writes a time for reading: 85.2µs, 1.31ms.
func nanoseconds(ns float64) string {
	text := scaled(ns, unit{"s", 1e9}, unit{"ms", 1e6}, unit{"µs", 1e3}, unit{"ns", 1})
	if text == "0ns" {
		return "0"
	}
	if strings.HasSuffix(text, "ns") {
		return plain(text) // clocks have no smaller unit
	}
	return text
}

func duration(d time.Duration) string { return nanoseconds(float64(d)) }

// plain takes the zeros after the point away: 1.00ms is 1ms. It is for the
// marks of an axis, which are exact.
func plain(text string) string {
	whole, rest, found := strings.Cut(text, ".")
	if !found {
		return text
	}
	name := strings.TrimLeft(rest, "0123456789")
	if digits := strings.TrimRight(strings.TrimSuffix(rest, name), "0"); digits != "" {
		return whole + "." + digits + name
	}
	return whole + name
}

// count writes a whole number in full while it is short.
func count(n int64) string {
	if n < 100_000 && n > -100_000 {
		return strconv.FormatInt(n, 10)
	}
	return scaled(float64(n), unit{"G", 1e9}, unit{"M", 1e6}, unit{"k", 1e3})
}

// perSecond writes a rate: 21.4k/s.
func perSecond(rate float64) string {
	text := scaled(rate, unit{"G", 1e9}, unit{"M", 1e6}, unit{"k", 1e3}, unit{"", 1})
	if text == unknown {
		return text
	}
	return text + "/s"
}

// share writes a part of a whole in percent.
func share(part float64) string {
	if text := significant(part * 100); text != unknown {
		return text + " %"
	}
	return unknown
}

// metricValue writes a figure in its metric's unit.
func metricValue(m bench.Metric, v float64) string {
	switch m {
	case bench.MetricRate:
		return perSecond(v)
	case bench.MetricErrors:
		return share(v)
	default:
		return nanoseconds(v * 1e9)
	}
}

// bounded says whether an interval has both its ends: with too few pairs there
// is an estimate, and no telling how far off it may be.
func bounded(i bench.Interval) bool {
	return finite(i.Center) && finite(i.Low) && finite(i.High)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// interval writes an estimate and what it may be off by: 0.42 (0.40–0.44).
func interval(i bench.Interval) string {
	switch {
	case bounded(i):
		return fmt.Sprintf("%s (%s–%s)", significant(i.Center), significant(i.Low), significant(i.High))
	case finite(i.Center):
		return significant(i.Center) + " (?)"
	default:
		return unknown
	}
}

// tally writes counts by name, the greatest first: timeout 12, error 1.
func tally(counts map[string]int64) string {
	names := mostFrequent(counts)
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + " " + count(counts[name])
	}
	return strings.Join(parts, ", ")
}

// mostFrequent names what was counted, the greatest first.
func mostFrequent(counts map[string]int64) []string {
	names := sortedKeys(counts)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	return names
}

func total(counts map[string]int64) int64 {
	var sum int64
	for _, n := range counts {
		sum += n
	}
	return sum
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
