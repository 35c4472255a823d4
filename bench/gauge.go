package bench

import (
	"cmp"
	"slices"
)

// Gauge is what a figure of a [Gauged] scenario was in one series.
type Gauge struct {
	Series
	Name            string
	Slices          int // that have it
	Last, Mean, Max float64
}

// Gauges are those of all series, in the order of [Results.Summarize], of each
// by name.
func (r *Results) Gauges() []Gauge {
	order, turns := r.series()
	var all []Gauge
	for _, s := range order {
		all = append(all, gauges(s, turns[s])...)
	}
	return all
}

func gauges(of Series, turns []Slice) []Gauge {
	var all []Gauge
	place := make(map[string]int)
	for _, s := range byTime(turns) {
		for name, v := range s.Gauges {
			i, known := place[name]
			if !known {
				i = len(all)
				place[name] = i
				all = append(all, Gauge{Series: of, Name: name, Max: v})
			}
			g := &all[i]
			g.Slices++
			g.Last, g.Max = v, max(g.Max, v)
			g.Mean += v/float64(g.Slices) - g.Mean/float64(g.Slices) // never a sum that overflows
		}
	}
	slices.SortFunc(all, func(a, b Gauge) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
