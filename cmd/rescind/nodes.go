package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// mirrorRow is a server's own copy of the denylist, as GET /v1/stats shows it.
type mirrorRow struct {
	State       string `json:"state"`
	FreshAt     string `json:"fresh_at,omitempty"`
	FreshnessMS int64  `json:"freshness_ms"`
	Entries     int64  `json:"entries"`
	Bytes       int64  `json:"bytes"`
	Wakes       int    `json:"wakes"`
	Answered    uint64 `json:"answered"`
	Asked       uint64 `json:"asked"`
	Loads       uint64 `json:"loads"`
	Gaps        uint64 `json:"gaps"`
	Forgotten   uint64 `json:"forgotten"`
}

// age is how old what a mirror says was; empty where it has no copy.
func (m *mirrorRow) age() string {
	if m == nil || m.FreshAt == "" {
		return ""
	}
	return formatDuration(time.Duration(m.FreshnessMS) * time.Millisecond)
}

// checking says how a server answers checks.
func (row statusRow) checking() string {
	m := row.Mirror
	switch {
	case m == nil:
		return row.Check
	case m.FreshAt == "":
		return row.Check + ", " + m.State
	}
	return fmt.Sprintf("%s, %s: %s old, %d entries, %s; answered %d, asked about %d",
		row.Check, m.State, m.age(), m.Entries, megabytes(m.Bytes), m.Answered, m.Asked)
}

// severalStatus asks each of the servers that are named, and shows one line for
// each. Nobody keeps a list of servers: who is not named is not asked.
func (c *call) severalStatus(ctx context.Context, servers []string) error {
	rows := make([]statusRow, len(servers))
	var first error
	for i, url := range servers {
		one := *c
		one.server = url
		row, err := one.remoteStatus(ctx)
		if err != nil {
			row = statusRow{Error: oneLine(err.Error())}
		} else if f := row.Inspection; f != nil && !f.Fit {
			err = usageError("%s", f.Unfit)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("%s: %w", url, err)
		}
		row.Server = url
		rows[i] = row
	}
	if err := c.printServers(rows); err != nil {
		return err
	}
	return first
}

func (c *call) printServers(rows []statusRow) error {
	if c.json {
		return c.printJSON(rows)
	}
	table := make([][]string, len(rows))
	for i, row := range rows {
		state, entries := "", ""
		switch {
		case row.Error != "":
			state = "no answer"
		case row.Mirror != nil:
			state, entries = row.Mirror.State, strconv.FormatInt(row.Mirror.Entries, 10)
		}
		table[i] = []string{row.Server, row.Check, state, row.Mirror.age(), entries, row.Version, row.StartedAt}
	}
	return c.printTable([]string{"SERVER", "CHECK", "STATE", "AGE", "ENTRIES", "VERSION", "SINCE"}, table)
}

// servers are those that --server names, with commas between them.
func (c *call) servers() []string { return strings.Split(c.server, ",") }

// oneServer refuses several where a command asks one.
func (c *call) oneServer() error {
	if !strings.Contains(c.server, ",") {
		return nil
	}
	return usageError("%s names several servers", c.origin["server"]).hint("only rescind status asks more than one")
}
