package server

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rescindhq/rescind/denylist"
)

// oauthMetrics count what clients do. No label is a client.
type oauthMetrics struct {
	grants          *prometheus.CounterVec
	authentications *prometheus.CounterVec
	introspections  *prometheus.CounterVec
}

func newOAuthMetrics() *oauthMetrics {
	return &oauthMetrics{
		grants: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oauth_grants_total", Help: "Requests for tokens, by grant and result.",
		}, []string{"grant", "result"}),
		authentications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "client_authentications_total", Help: "Clients that authenticated, by secret or API key, by result.",
		}, []string{"result"}),
		introspections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "introspections_total", Help: "Introspections that were answered, by what they said.",
		}, []string{"active"}),
	}
}

func (m *oauthMetrics) register(to prometheus.Registerer) {
	to.MustRegister(m.grants, m.authentications, m.introspections)
}

func (m *oauthMetrics) grant(grant string, err error) {
	m.grants.WithLabelValues(grant, resultOf(err)).Inc()
}

func (m *oauthMetrics) authentication(err error) {
	result := resultOf(err)
	if err != nil && !errors.Is(err, ErrClient) {
		result = "failed"
	}
	m.authentications.WithLabelValues(result).Inc()
}

func (m *oauthMetrics) introspection(active bool) {
	said := "false"
	if active {
		said = "true"
	}
	m.introspections.WithLabelValues(said).Inc()
}

func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, denylist.ErrUnavailable):
		return "unavailable"
	}
	return "refused"
}
