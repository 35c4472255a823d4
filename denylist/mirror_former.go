package denylist

import (
	"errors"
	"slices"
	"time"
)

// formerList are the tables of denylists that Redis had and has forgotten
// (R18). They go on denying, beside what Redis has now, until their entries
// expire or are reinstated.
type formerList []*mirrorTable

func (f formerList) bytes() (sum int64) {
	for _, table := range f {
		sum += table.bytes()
	}
	return sum
}

// keep keeps what was read until the next load is complete: Redis may forget
// meanwhile, and nothing else would show it. Checks ask Redis, and what is kept
// is as good as what a stale mirror has: see remember.
func (m *Mirror) keep(l *mirrorLoad, reason error) {
	switch {
	case errors.Is(reason, errForgot):
		m.forget(l, m.kept)
		return
	case errors.Is(reason, errFull):
		m.drop()
		return
	case l != nil && m.kept == nil:
		m.kept = l
	}
	if m.kept != nil {
		m.show(m.kept.table, time.Time{}, slices.Clone(m.kept.proto.marks), m.former)
	}
}

// drop drops what was kept, and all else but former tables.
func (m *Mirror) drop() {
	m.kept = nil
	m.show(nil, time.Time{}, nil, m.former)
}

// forget notes that Redis has forgotten what was read, by some loads.
func (m *Mirror) forget(loads ...*mirrorLoad) {
	m.counters.forgotten.Add(1)
	for _, l := range loads {
		if l == nil {
			continue
		}
		since, complete := l.proto.since()
		if !complete {
			since = l.begun
		}
		m.retire(l.table, since)
	}
	m.drop()
}

// lost reports whether a denylist that stands at now is not the one that marks
// are of, or has gone back.
func (m marks) lost(now marks) bool {
	for p, at := range m {
		if at.epoch != "" && (now[p].epoch != at.epoch || now[p].seq < at.seq) {
			return true
		}
	}
	return false
}

// retire makes a table that Redis forgot a former one, which was complete as of
// an instant.
func (m *Mirror) retire(table *mirrorTable, since time.Time) {
	// What this process wrote last, the table had not read of.
	if m.own.into(table) != nil {
		own := newMirrorTable(0, m.heardClock)
		_ = m.own.into(own) // which has no limit
		m.addFormer(own, since)
	}
	m.addFormer(table, since)
}

// retireLate makes a former table of writes that may have been acknowledged
// before Redis forgot, and that this process heard of after.
func (m *Mirror) retireLate() {
	late, since := m.own.late()
	if len(late) == 0 {
		return
	}
	table := newMirrorTable(0, m.heardClock)
	for key, hit := range late {
		_ = table.change(key, func(mirrorHit) mirrorHit { return hit }) // without a limit there is room
	}
	m.addFormer(table, since)
	m.own.settle(late)
}

// addFormer adds a former table, and has it given back.
func (m *Mirror) addFormer(table *mirrorTable, since time.Time) {
	m.showFormer(append(slices.Clone(m.former), table))
	if m.back == nil {
		m.back = &giveBack{asOf: m.heardAt(since)}
		return
	}
	// It forgot again, before it had been given everything: from the beginning.
	m.rest()
	m.back = &giveBack{asOf: earlier(m.back.asOf, m.heardAt(since)), hopeless: m.back.hopeless}
}

// purgeFormer drops the tables whose entries have all expired.
func (m *Mirror) purgeFormer() {
	var left formerList
	for _, table := range m.former {
		table.purge(m.heardClock(), purgeBudget)
		if table.len() > 0 {
			left = append(left, table)
		}
	}
	if len(left) < len(m.former) {
		m.showFormer(left)
	}
}

// lookBack looks for what former tables deny. Nobody can be asked about an
// entry that was unresolved, nor will more be heard of one that was not yet in
// effect: both deny.
func (f *found) lookBack(former formerList, t *Token, names *digests, login, heard int64) {
	for _, table := range former {
		for s := ScopeToken; s <= ScopeIssuer; s++ {
			if s != ScopeIssuer && t.ids()[s] == "" {
				continue
			}
			h := table.look(mirrorKey{scope: s, digest: names[s]})
			if h.found() && h.expires > heard && (h.unresolved || h.rotated || h.revoked && login <= h.cutoff) {
				f.denial, f.from, f.sure = denialBy(t, s, h), 0, true
				return
			}
		}
	}
}

// deniedFormerly is what a revoked half in a former table says of a token that
// is to be exchanged. Of the exchange itself only Redis is the judge, but one
// that forgot what was revoked would let a successor be bought.
func (m *Mirror) deniedFormerly(t Token) error {
	view := m.view.Load()
	if view == nil || len(view.former) == 0 || t.validate() != nil {
		return nil
	}
	names, login, heard := t.digests(m.keys), millis(t.Login), m.heard.Load()
	for _, table := range view.former {
		for s := ScopeToken; s <= ScopeIssuer; s++ {
			h := table.look(mirrorKey{scope: s, digest: names[s]})
			if h.found() && h.expires > heard && (h.unresolved && !h.rotated || h.revoked && login <= h.cutoff) {
				return denialBy(&t, s, h)
			}
		}
	}
	return nil
}

// removeFormer takes the revoked half off what was reinstated since.
func (m *Mirror) removeFormer(key mirrorKey) {
	for _, table := range m.former {
		_ = table.resolve(key, mirrorRecord{})
		table.remove(key)
	}
}
