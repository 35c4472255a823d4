package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rescindhq/rescind/denylist"
)

// The words for how checks are answered.
const (
	checkStrict = "strict" // by the store itself, each time
	checkMirror = "mirror" // by a copy in this process that proves its age, else by the store

	checkConfirmed = "confirmed" // by such a copy, each time that the store has confirmed it
)

// checkBy is the word for how checks are answered with a mirror.
func checkBy(m *denylist.Mirror) string {
	if m.Confirmed() {
		return checkConfirmed
	}
	return checkMirror
}

// mirrorStates are all that a mirror may be in.
var mirrorStates = []denylist.MirrorState{
	denylist.MirrorIdle, denylist.MirrorLoading, denylist.MirrorFresh, denylist.MirrorStale, denylist.MirrorFull,
}

// mirrorBody is the state of this server's mirror.
type mirrorBody struct {
	State       string  `json:"state"`             // idle, loading, fresh, stale, full
	FreshAt     instant `json:"fresh_at,omitzero"` // all that was acknowledged before is in it
	FreshnessMS int64   `json:"freshness_ms"`      // since then, rounded up; 0 without fresh_at
	Entries     int64   `json:"entries"`
	Bytes       int64   `json:"bytes"`
	Wakes       int     `json:"wakes"`    // changes a second that it reads as they happen
	Answered    uint64  `json:"answered"` // checks; those that the store confirmed, if it has to
	Asked       uint64  `json:"asked"`    // checks that the store had to answer
	Loads       uint64  `json:"loads"`
	Gaps        uint64  `json:"gaps"`
	Forgotten   uint64  `json:"forgotten"` // times that Redis had forgotten
}

func showMirror(m *denylist.Mirror) *mirrorBody {
	s := m.Stats()
	return &mirrorBody{
		State:       s.State.String(),
		FreshAt:     instant(s.FreshAt),
		FreshnessMS: (s.Freshness.Microseconds() + 999) / 1000,
		Entries:     s.Entries,
		Bytes:       s.Bytes,
		Wakes:       s.Wakes,
		Answered:    s.Answered + s.Confirmed,
		Asked:       s.Asked,
		Loads:       s.Loads,
		Gaps:        s.Gaps,
		Forgotten:   s.Forgotten,
	}
}

// loading reports whether a mirror's first load is still to come to its end.
// One that is too large for its limit has: checks ask the store then, which is
// no reason to turn requests away.
func loading(m *denylist.Mirror) bool {
	return m != nil && m.Stats().Loads == 0 && m.State() != denylist.MirrorFull
}

// mirrorMetrics show what a mirror did (prometheus.Collector).
type mirrorMetrics struct {
	mirror *denylist.Mirror

	state, freshness, entries, bytes, wakes            *prometheus.Desc
	checks, loads, overtaken, gaps, forgot, gave, kept *prometheus.Desc
	shadowChecks, shadowDisagreements, shadowOldestAge *prometheus.Desc
}

func newMirrorMetrics(m *denylist.Mirror) *mirrorMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mirror_"+name, help, labels, nil)
	}
	return &mirrorMetrics{
		mirror:    m,
		state:     desc("state", "1 for the state that the mirror is in, 0 for the others.", "state"),
		freshness: desc("freshness_seconds", "How old what the mirror says is; not there while it has no copy."),
		entries:   desc("entries", "Entries in the mirror."),
		bytes:     desc("bytes", "Memory of the mirror's tables."),
		wakes:     desc("wakes", "Changes a second that the mirror reads as they happen; over that it rests."),
		checks:    desc("checks_total", "Checks by who answered: the mirror, confirmed if Redis confirmed it, or redis by their keys.", "by"),
		loads:     desc("loads_total", "Loads that were completed."),
		overtaken: desc("loads_overtaken_total", "Loads that began again, because changes came faster."),
		gaps:      desc("gaps_total", "Times that changes were missed, and the mirror loaded again."),
		forgot:    desc("forgotten_total", "Times that Redis had forgotten the denylist."),
		gave:      desc("given_back_total", "Entries that were given back to a Redis that had forgotten."),
		kept:      desc("give_back_failures_total", "Attempts to give entries back that failed; they are repeated."),

		shadowChecks:        desc("shadow_checks_total", "Answers of the mirror that were compared with Redis's."),
		shadowDisagreements: desc("shadow_disagreements_total", "Comparisons in which one denied what the other did not."),
		shadowOldestAge:     desc("shadow_disagreement_age_seconds", "The oldest freshness at which they disagreed."),
	}
}

func (c *mirrorMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.state, c.freshness, c.entries, c.bytes, c.wakes, c.checks, c.loads, c.overtaken, c.gaps, c.forgot, c.gave, c.kept,
		c.shadowChecks, c.shadowDisagreements, c.shadowOldestAge,
	} {
		to <- d
	}
}

func (c *mirrorMetrics) Collect(to chan<- prometheus.Metric) {
	s := c.mirror.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, state := range mirrorStates {
		is := 0.0
		if s.State == state {
			is = 1
		}
		gauge(c.state, is, state.String())
	}
	if !s.FreshAt.IsZero() {
		gauge(c.freshness, s.Freshness.Seconds())
	}
	gauge(c.entries, float64(s.Entries))
	gauge(c.bytes, float64(s.Bytes))
	gauge(c.wakes, float64(s.Wakes))
	count(c.checks, s.Answered, "mirror")
	count(c.checks, s.Confirmed, "confirmed")
	count(c.checks, s.Asked, "redis")
	count(c.loads, s.Loads)
	count(c.overtaken, s.Overtaken)
	count(c.gaps, s.Gaps)
	count(c.forgot, s.Forgotten)
	count(c.gave, s.GivenBack)
	count(c.kept, s.Kept)
	count(c.shadowChecks, s.ShadowChecks)
	count(c.shadowDisagreements, s.ShadowDisagree)
	gauge(c.shadowOldestAge, s.ShadowAge.Seconds())
}
