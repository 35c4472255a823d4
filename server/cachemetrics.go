package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rescindhq/rescind/verifier"
)

// cacheMetrics show what the cache of verified tokens did
// (prometheus.Collector).
type cacheMetrics struct {
	verifier *verifier.Verifier

	lookups, evictions, voided, entries, bytes *prometheus.Desc
}

func newCacheMetrics(v *verifier.Verifier) *cacheMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("token_cache_"+name, help, labels, nil)
	}
	return &cacheMetrics{
		verifier:  v,
		lookups:   desc("lookups_total", "Tokens that were looked for among those verified before: hit or miss.", "result"),
		evictions: desc("evictions_total", "Tokens that made room for others."),
		voided:    desc("voided_total", "Tokens that were forgotten because their key is no longer the issuer's."),
		entries:   desc("entries", "Verified tokens in the cache."),
		bytes:     desc("bytes", "Memory that they keep alive."),
	}
}

func (c *cacheMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lookups, c.evictions, c.voided, c.entries, c.bytes} {
		to <- d
	}
}

func (c *cacheMetrics) Collect(to chan<- prometheus.Metric) {
	s := c.verifier.CacheStats()
	emit := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	emit(c.lookups, prometheus.CounterValue, float64(s.Hits), "hit")
	emit(c.lookups, prometheus.CounterValue, float64(s.Misses), "miss")
	emit(c.evictions, prometheus.CounterValue, float64(s.Evictions))
	emit(c.voided, prometheus.CounterValue, float64(s.Voided))
	emit(c.entries, prometheus.GaugeValue, float64(s.Entries))
	emit(c.bytes, prometheus.GaugeValue, float64(s.Bytes))
}
