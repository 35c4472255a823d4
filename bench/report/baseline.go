package report

import (
	"slices"

	"github.com/rescindhq/rescind/bench"
)

// over is what the ratios of a run are over. Where contenders have baselines of
// their own, such as what does the same with as many entries, no one name stands
// for all of them.
func (r run) over() string {
	for _, ratio := range r.ratios {
		if ratio.Baseline != r.ratios[0].Baseline {
			return "its own baseline"
		}
	}
	if len(r.ratios) > 0 {
		return r.ratios[0].Baseline
	}
	return r.Header.Baseline
}

// isBaseline reports whether a contender is what another is held against.
func (r run) isBaseline(contender string) bool {
	return slices.ContainsFunc(r.ratios, func(ratio bench.Ratio) bool { return ratio.Baseline == contender })
}
