package report

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// TestFleetTable: what was measured, what does not count, and what more mirrors
// would cost.
func TestFleetTable(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: bench.Header{
		Scenarios: []bench.Description{{Name: bench.FleetScenario}}, Settings: map[string]string{"revocations": "5"},
		Environment: bench.Environment{Redis: map[string]string{"maxclients": "10000"}},
	}}
	for _, n := range []int{1, 10, 100} {
		late := bench.Slice{
			Contender: bench.FleetScenario, Concurrency: n, Wall: time.Second, Operations: 1,
			CPU:    map[string]time.Duration{bench.Redis: time.Duration(2+n) * time.Millisecond, bench.Client: time.Millisecond},
			Gauges: map[string]float64{bench.GaugeConnections: float64(4 + n), bench.GaugeReads: 11 * float64(n), bench.GaugeSent: 1000 * float64(n), bench.GaugeBusy: 0.5},
		}
		if n == 100 {
			late.Gauges[bench.GaugeBusy] = 1
		}
		r.Slices = append(r.Slices, late)
	}
	f, ok := r.Fleet()
	require.True(t, ok)
	r.End.Notes = f.Notes()
	var b strings.Builder
	require.NoError(t, Table(&b, r))
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"One Redis and its mirrors, at 5 revocations a second",
		"100 10.2 % 104 100 kB/s 11.0/s - - - 0.00100 100 %",
		"and by these lines",
		"1000 1.00 cores ±", "1004 1.00 MB/s 11.0/s",
		"(*): does not count",
		"fleet with 100 mirrors: 100 % of this machine's cores were used",
		"100,000 mirrors would use 100 cores of Redis",
		"100,004 connections, more than its maxclients (10,000)",
		"does not fit on one Redis (over 0.7 of a core): it takes 144 of them, or a relay that reads once for many",
	} {
		assert.Contains(t, text, want)
	}
	b.Reset()
	r.Slices = r.Slices[:1]
	require.NoError(t, Table(&b, r))
	assert.NotContains(t, b.String(), "by these lines")
	b.Reset()
	require.NoError(t, Table(&b, &bench.Results{}))
	assert.NotContains(t, b.String(), "mirrors")
}

// TestOwnBaselines: no one name stands for the baselines of several sizes.
func TestOwnBaselines(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: bench.Header{Baseline: "scan/1", Scenarios: []bench.Description{
		{Name: "cold/1", Baseline: "scan/1"}, {Name: "cold/2", Baseline: "scan/2"}, {Name: "scan/1"}, {Name: "scan/2"},
	}}}
	for i, name := range []string{"cold/1", "cold/2", "scan/1", "scan/2"} {
		r.Slices = append(r.Slices, bench.Slice{Contender: name, Concurrency: 1, Wall: time.Duration(i+1) * time.Second, Operations: 1})
	}
	ratios := r.Ratios()
	require.Len(t, ratios, 2)
	for i, want := range []float64{1.0 / 3, 2.0 / 4} {
		assert.InDelta(t, want, ratios[i].Wall.Center, 1e-9)
	}
	assert.Equal(t, "scan/2", ratios[1].Baseline)
	var b strings.Builder
	require.NoError(t, Table(&b, r))
	assert.Contains(t, b.String(), "Ratio to its own baseline: ")
	b.Reset()
	require.NoError(t, Markdown(&b, r))
	assert.Contains(t, b.String(), "time ÷ its own baseline")
	r.Slices = append(r.Slices[:1:1], r.Slices[2])
	b.Reset()
	require.NoError(t, Table(&b, r))
	assert.Contains(t, b.String(), "Ratio to scan/1: ")
}

// What is on no line of staleness is marked, as the notes and the charts have it.
func TestFleetTable_Marks(t *testing.T) {
	t.Parallel()
	for _, p := range []bench.FleetPoint{{}, {Rests: true}, {Full: true}, {Behind: true}} {
		want := "2.00ms*"
		if p == (bench.FleetPoint{}) {
			want = "2.00ms"
		}
		p.P50 = 2 * time.Millisecond
		assert.Equal(t, want, fleetPoint(p)[5], "%+v", p)
	}
}
