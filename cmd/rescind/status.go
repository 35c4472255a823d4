package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
)

// statusCommand shows what is in the denylist, the Redis that keeps it, and how
// servers answer checks. A Redis that is not fit is shown too, before the
// command fails.
func statusCommand(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		if servers := c.servers(); c.redis == "" && len(servers) > 1 {
			return c.severalStatus(ctx, servers)
		}
		var row statusRow
		var err error
		if c.redis != "" && c.server == "" {
			row, err = c.redisStatus(ctx)
		} else {
			row, err = c.remoteStatus(ctx)
		}
		if err != nil {
			return err
		}
		if err := c.printStatus(row); err != nil {
			return err
		}
		if found := row.Inspection; found != nil && !found.Fit {
			return usageError("%s", found.Unfit).hint("this Redis, or these settings, cannot keep a denylist")
		}
		return nil
	}
}

// statusRow is the state of a denylist as --json shows it: the shape of GET
// /v1/stats, without a server's own members where none was asked.
type statusRow struct {
	Server     string           `json:"server,omitempty"` // where several were asked
	Error      string           `json:"error,omitempty"`  // then: why this one says nothing
	Version    string           `json:"version,omitempty"`
	Issuer     string           `json:"issuer,omitempty"`
	StartedAt  string           `json:"started_at,omitempty"`
	Check      string           `json:"check,omitempty"`
	Mirror     *mirrorRow       `json:"mirror,omitempty"`
	Entries    map[string]int64 `json:"entries,omitempty"`
	Inspection *inspectionRow   `json:"inspection,omitempty"`
}

type inspectionRow struct {
	Fit            bool        `json:"fit"`
	Unfit          string      `json:"unfit,omitempty"`
	Epoch          string      `json:"epoch"`
	Seq            uint64      `json:"seq"`
	Spends         uint64      `json:"spends"`
	Partitions     int         `json:"partitions"`
	MaxLeewayMS    int64       `json:"max_leeway_ms"`
	SkewMarginMS   int64       `json:"skew_margin_ms"`
	MaxStalenessMS int64       `json:"max_staleness_ms"`
	Servers        []serverRow `json:"servers"`
}

type serverRow struct {
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

// remoteStatus is the state that a server tells when it is first asked.
func (c *call) remoteStatus(ctx context.Context) (statusRow, error) {
	list, err := c.openDenylist(ctx) // which refuses no name, and two
	if err != nil {
		return statusRow{}, err
	}
	defer list.close()
	return list.Store.(*remote).stats, nil
}

// maxStaleness is the fleet's; 0 where it is not known.
func (row statusRow) maxStaleness() time.Duration {
	if row.Inspection == nil {
		return 0
	}
	return time.Duration(row.Inspection.MaxStalenessMS) * time.Millisecond
}

// redisStatus asks Redis.
func (c *call) redisStatus(ctx context.Context) (statusRow, error) {
	store, client, err := c.dialRedis()
	if err != nil {
		return statusRow{}, err
	}
	defer client.Close()
	found, unfit := store.Inspect(ctx)
	if unfit != nil && !errors.Is(unfit, denylist.ErrUnfit) {
		return statusRow{}, redisTrouble(unfit)
	}
	n, err := store.Counts(ctx)
	if err != nil {
		return statusRow{}, redisTrouble(errors.Join(err, unfit))
	}
	return statusRow{
		Entries: map[string]int64{
			"token": n.Token, "session": n.Session, "subject": n.Subject, "issuer": n.Issuer, "total": n.Total(),
		},
		Inspection: inspected(found, unfit),
	}, nil
}

func inspected(found denylist.Inspection, unfit error) *inspectionRow {
	row := &inspectionRow{
		Fit:   unfit == nil,
		Epoch: found.Epoch, Seq: found.Seq, Spends: found.Spends, Partitions: found.Partitions,
		MaxLeewayMS:    found.MaxLeeway.Milliseconds(),
		SkewMarginMS:   found.SkewMargin.Milliseconds(),
		MaxStalenessMS: found.MaxStaleness.Milliseconds(),
		Servers:        []serverRow{},
	}
	if unfit != nil {
		row.Unfit = unfit.Error()
	}
	for _, s := range found.Servers {
		row.Servers = append(row.Servers, serverRow{s.Addr, s.Product, s.Version, s.Role, s.Eviction,
			s.UsedMemory, s.MaxMemory, s.EvictedKeys, s.ClockOffset.Milliseconds()})
	}
	return row
}

func (c *call) printStatus(row statusRow) error {
	if c.json {
		return c.printJSON(row)
	}
	facts := [][2]string{{"server", row.Version}, {"issuer", row.Issuer}, {"since", row.StartedAt}, {"check", row.checking()}}
	for _, scope := range denylist.Scopes() {
		facts = append(facts, [2]string{scope.String() + " entries", strconv.FormatInt(row.Entries[scope.String()], 10)})
	}
	if found := row.Inspection; found != nil {
		facts = append(facts, found.facts()...)
	}
	return c.printFacts(facts...)
}

func (row *inspectionRow) facts() [][2]string {
	ms := func(n int64) string { return formatDuration(time.Duration(n) * time.Millisecond) }
	facts := [][2]string{
		{"changes", strconv.FormatUint(row.Seq, 10)},
		{"exchanges", strconv.FormatUint(row.Spends, 10)},
		{"epoch", row.Epoch},
		{"partitions", strconv.Itoa(row.Partitions)},
		{"max leeway", ms(row.MaxLeewayMS)},
		{"skew margin", ms(row.SkewMarginMS)},
		{"max staleness", ms(row.MaxStalenessMS)},
	}
	for _, s := range row.Servers {
		limit := "no limit"
		if s.MaxMemory > 0 {
			limit = "of " + megabytes(s.MaxMemory)
		}
		facts = append(facts,
			[2]string{"redis", fmt.Sprintf("%s %s, %s, at %s", s.Product, s.Version, s.Role, s.Addr)},
			[2]string{"memory", fmt.Sprintf("%s, %s, %s, %d keys evicted", megabytes(s.UsedMemory), limit, s.Eviction, s.EvictedKeys)},
			[2]string{"clock", fmt.Sprintf("%+d ms from ours", s.ClockOffsetMS)})
	}
	return facts
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
