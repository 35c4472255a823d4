package denylist

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FilledMirror is a mirror that nothing runs, fresh for as long as a benchmark
// takes. Its table is filled without a Redis, of tokens and sessions, half of
// each.
func FilledMirror(tb testing.TB, entries int) *Mirror {
	tb.Helper()
	m := &Mirror{Redis: &Redis{pending: newPending(1)}, opts: MirrorOptions{MaxStaleness: time.Hour, Now: time.Now}}
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	table.expect(entries)
	for i := range uint64(entries) {
		s := ScopeToken + Scope(i%2)
		err := table.put(scatteredKey(s, i), mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)})
		if err != nil {
			require.NoError(tb, err)
		}
	}
	m.view.Store(newMirrorView(table, time.Now(), nil))
	return m
}

// Crowd has no check be one of a few: all of them have what they are told
// confirmed.
func (m *Mirror) Crowd() {
	for range manyChecks {
		m.authority.enter()
	}
}
