package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// metrics are a server's own: no other package's are mixed in, and two servers
// of one process do not meet. No label is an id or anything that a client
// chose.
type metrics struct {
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	cannotTell  prometheus.Counter
	logins      *prometheus.CounterVec
	exchanges   *prometheus.CounterVec
	revocations *prometheus.CounterVec
	oauth       *oauthMetrics

	handler http.Handler
}

// newMetrics takes the verifier whose cache it shows, and the mirror that answers
// checks, or nil.
func newMetrics(version string, v *verifier.Verifier, mirror *denylist.Mirror) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests by route, status and error code (empty: none).",
		}, []string{"route", "status", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"route"}),
		cannotTell: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "denylist_cannot_tell_total", Help: "Requests that were refused because the denylist could not tell.",
		}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logins_total", Help: "Logins by result.",
		}, []string{"result"}),
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "exchanges_total", Help: "Exchanges by result: reused ones ended their session.",
		}, []string{"result"}),
		revocations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "revocations_total", Help: "Revocations by operators, by scope and outcome.",
		}, []string{"scope", "outcome"}),
		oauth: newOAuthMetrics(),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)

	registry := prometheus.NewRegistry()
	ours := prometheus.WrapRegistererWithPrefix("rescind_", registry)
	ours.MustRegister(m.requests, m.durations, m.cannotTell, m.logins, m.exchanges, m.revocations, build, newCacheMetrics(v), newKeyMetrics(v))
	m.oauth.register(ours)
	if mirror != nil {
		ours.MustRegister(newMirrorMetrics(mirror))
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

func (m *metrics) request(route string, status int, code string, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status), code).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
	if code == codeCannotTell {
		m.cannotTell.Inc()
	}
}

func (m *metrics) login(err error) {
	result := "ok"
	switch {
	case errors.Is(err, ErrCredentials):
		result = "refused"
	case errors.Is(err, ErrBusy):
		result = "busy"
	case errors.Is(err, denylist.ErrThrottled):
		result = "throttled"
	case err != nil:
		result = "failed"
	}
	m.logins.WithLabelValues(result).Inc()
}

func (m *metrics) exchange(replayed bool, err error) {
	result := "won"
	switch {
	case errors.Is(err, denylist.ErrUnavailable):
		result = "unavailable"
	case errors.Is(err, denylist.ErrReused):
		result = "reused"
	case err != nil:
		result = "refused"
	case replayed:
		result = "replayed"
	}
	m.exchanges.WithLabelValues(result).Inc()
}

func (m *metrics) serve(a *answer, r *http.Request) error {
	m.handler.ServeHTTP(a, r)
	return nil
}
