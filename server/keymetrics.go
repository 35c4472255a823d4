package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rescindhq/rescind/verifier"
)

// keyMetrics show how fetching other issuers' keys goes (prometheus.Collector).
// Its label is of the settings: whom we trust.
type keyMetrics struct {
	remotes map[string]*verifier.Remote

	fetches, fetched, keys *prometheus.Desc
}

func newKeyMetrics(v *verifier.Verifier) *keyMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("issuer_"+name, help, append([]string{"issuer"}, labels...), nil)
	}
	return &keyMetrics{
		remotes: v.Remotes(),
		fetches: desc("key_fetches_total", "Fetches of another issuer's keys by result: success or failure.", "result"),
		fetched: desc("keys_fetched_timestamp_seconds", "When they were fetched, in Unix time: their age is time() minus it; absent while they never were."),
		keys:    desc("keys", "Keys of another issuer that verify, unless they are too old."),
	}
}

func (k *keyMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{k.fetches, k.fetched, k.keys} {
		to <- d
	}
}

func (k *keyMetrics) Collect(to chan<- prometheus.Metric) {
	for issuer, remote := range k.remotes {
		s := remote.Stats()
		emit := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, kind, v, append([]string{issuer}, labels...)...)
		}
		emit(k.fetches, prometheus.CounterValue, float64(s.Fetches-s.Failures), "success")
		emit(k.fetches, prometheus.CounterValue, float64(s.Failures), "failure")
		emit(k.keys, prometheus.GaugeValue, float64(s.Keys))
		if !s.FetchedAt.IsZero() {
			emit(k.fetched, prometheus.GaugeValue, float64(s.FetchedAt.UnixMilli())/1000)
		}
	}
}
