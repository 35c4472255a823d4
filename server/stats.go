package server

import (
	"errors"
	"net/http"

	"github.com/rescindhq/rescind/denylist"
)

// statsBody is the state of this server and of its denylist.
type statsBody struct {
	versionBody
	Issuer        string          `json:"issuer"`
	StartedAt     instant         `json:"started_at"`
	UptimeSeconds int64           `json:"uptime_seconds"`
	Ready         bool            `json:"ready"`
	Check         string          `json:"check"` // strict or mirror
	Mirror        *mirrorBody     `json:"mirror,omitempty"`
	Entries       entriesBody     `json:"entries"`
	Inspection    *inspectionBody `json:"inspection,omitempty"`
}

type entriesBody struct {
	Token   int64 `json:"token"`
	Session int64 `json:"session"`
	Subject int64 `json:"subject"`
	Issuer  int64 `json:"issuer"`
	Total   int64 `json:"total"`
}

// inspectionBody is what the store found when it inspected its servers (R17).
type inspectionBody struct {
	Fit            bool         `json:"fit"`
	Unfit          string       `json:"unfit,omitempty"` // why, and how to mend it
	Epoch          string       `json:"epoch"`
	Seq            uint64       `json:"seq"`
	Spends         uint64       `json:"spends"`
	Partitions     int          `json:"partitions"`
	MaxLeewayMS    int64        `json:"max_leeway_ms"`
	SkewMarginMS   int64        `json:"skew_margin_ms"`
	MaxStalenessMS int64        `json:"max_staleness_ms"`
	Servers        []serverBody `json:"servers"`
}

type serverBody struct {
	Addr          string `json:"addr"`
	Product       string `json:"product"`
	Version       string `json:"version"`
	Role          string `json:"role"`
	Eviction      string `json:"eviction"`
	UsedMemory    int64  `json:"used_memory_bytes"`
	MaxMemory     int64  `json:"max_memory_bytes"`
	EvictedKeys   int64  `json:"evicted_keys"`
	ClockOffsetMS int64  `json:"clock_offset_ms"`
}

// stats shows the state.
func (o *operatorAPI) stats(a *answer, r *http.Request) error {
	counts, err := o.denylist.Counts(r.Context())
	if err != nil {
		return err
	}
	now := o.opts.Now()
	body := statsBody{
		versionBody:   o.build(),
		Issuer:        o.issuer,
		StartedAt:     instant(o.started),
		UptimeSeconds: secondsLeft(o.started, now),
		Ready:         !o.draining.Load() && !loading(o.mirror),
		Check:         checkStrict,
		Entries:       entriesBody{counts.Token, counts.Session, counts.Subject, counts.Issuer, counts.Total()},
	}
	if o.mirror != nil {
		body.Check, body.Mirror = checkBy(o.mirror), showMirror(o.mirror)
	}
	if inspector, ok := o.store.(denylist.Inspector); ok {
		found, err := inspector.Inspect(r.Context())
		if err != nil && !errors.Is(err, denylist.ErrUnfit) {
			return err
		}
		body.Inspection = inspected(found, err)
	}
	return a.json(http.StatusOK, body)
}

func inspected(found denylist.Inspection, unfit error) *inspectionBody {
	body := &inspectionBody{
		Fit:            unfit == nil,
		Epoch:          found.Epoch,
		Seq:            found.Seq,
		Spends:         found.Spends,
		Partitions:     found.Partitions,
		MaxLeewayMS:    found.MaxLeeway.Milliseconds(),
		SkewMarginMS:   found.SkewMargin.Milliseconds(),
		MaxStalenessMS: found.MaxStaleness.Milliseconds(),
		Servers:        []serverBody{},
	}
	if unfit != nil {
		body.Unfit = unfit.Error()
	}
	for _, server := range found.Servers {
		body.Servers = append(body.Servers, serverBody{
			Addr:          server.Addr,
			Product:       server.Product,
			Version:       server.Version,
			Role:          server.Role,
			Eviction:      server.Eviction,
			UsedMemory:    server.UsedMemory,
			MaxMemory:     server.MaxMemory,
			EvictedKeys:   server.EvictedKeys,
			ClockOffsetMS: server.ClockOffset.Milliseconds(),
		})
	}
	return body
}
