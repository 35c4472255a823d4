package denylist

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Check implements [Store]. Where the mirror does not know, Redis does.
func (m *Mirror) Check(ctx context.Context, t Token) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	if m.opts.Confirmed {
		return m.checkConfirmed(ctx, t)
	}
	g := m.Glance(t)
	if err, known := g.Verdict(m.opts.Now()); known {
		return err
	}
	sent := m.authority.now()
	return m.checkByKeys(ctx, t, g, sent, m.checks.end(sent))
}

// checkByKeys asks Redis for a token's entries, after a glance that did not say.
func (m *Mirror) checkByKeys(ctx context.Context, t Token, g Glance, sent int64, end *deadline) error {
	m.counters.asked.Add(1)
	begun := m.notes.begin()
	entries, err := m.checkUntil(ctx, t, sent, end)
	f := g.found
	if f == nil || g.view == nil {
		return err
	}
	if f.ask {
		m.note(g.view.table, entries, begun)
	}
	if err != nil || f.doubt == nil || f.ask && f.doubt.among(entries) {
		return err
	}
	return m.remember(ctx, g.view, f.doubt)
}

// among reports whether an entry is one of those that were found for the token.
func (e *RevokedError) among(found []Entry) bool {
	return slices.ContainsFunc(found, func(f Entry) bool { return f.Scope == e.Entry.Scope })
}

// remember decides where Redis denies nothing, and the mirror knows an entry but
// is too old to be sure of it, or does not know what it denies. The entry may
// have been reinstated since. Or Redis has forgotten it, with all the rest.
func (m *Mirror) remember(ctx context.Context, view *mirrorView, doubt *RevokedError) error {
	now, err := m.newest(ctx)
	if err != nil {
		return err
	}
	for p, at := range view.marks {
		if at.epoch != "" && (now[p].epoch != at.epoch || now[p].seq < at.seq) {
			return doubt
		}
	}
	return nil
}

// expiryError is how much later than an entry's a table says that its expiry
// is, in milliseconds. Redis is asked about one that may be over.
const expiryError = 1000

// Glance is the first half of a check, which a caller completes with one
// reading of the clock: stamp, table, clock, in that order. It does no I/O.
type Glance struct {
	mirror *Mirror
	view   *mirrorView
	found  *found // nil: nothing, which is all that most checks have to carry
	stripe uint8
}

// found is what there is of a token's entries.
type found struct {
	denial error         // by an entry
	from   int64         // when that begins to deny, on Redis's clock; 0: it does
	until  int64         // when it may be over
	doubt  *RevokedError // an entry that there was, which Redis has to be asked about

	sure bool // the denial holds, however old the view is
	own  bool // it is by what this process wrote
	ask  bool // an entry that has to be asked about

	shadow *Token // to be compared; nil: not this time
}

// Glance reads the stamp and then the table. What this process wrote is looked
// at before both: it is forgotten there only once a later view has it. Where
// Redis has to confirm, a glance says nothing.
func (m *Mirror) Glance(t Token) Glance {
	if m.opts.Confirmed {
		return Glance{}
	}
	g := m.glance(&t)
	if m.opts.Shadow > 0 {
		return g.shadowed(&t)
	}
	return g
}

// GlancePrepared is Glance for the cost of looking.
func (m *Mirror) GlancePrepared(p *Prepared) Glance {
	if m.opts.Confirmed {
		return Glance{}
	}
	g := m.glancePrepared(p)
	if m.opts.Shadow > 0 {
		return g.shadowed(&p.token)
	}
	return g
}

// shadowed is g with a shadow, now and then. It falls only if there is a
// verdict: nobody is asked about a token that has expired (R1).
func (g Glance) shadowed(t *Token) Glance {
	if g.mirror == nil || rand.IntN(g.mirror.opts.Shadow) > 0 {
		return g
	}
	var f found
	if g.found != nil {
		f = *g.found
	}
	of := *t
	f.shadow = &of
	g.found = &f
	return g
}

// glance is Glance, of which no shadow falls.
func (m *Mirror) glance(t *Token) Glance {
	if t.prepared.of(t) {
		return m.glancePrepared(t.prepared)
	}
	if t.validate() != nil {
		return Glance{}
	}
	issuer := m.issuer.Load()
	if issuer == nil || issuer.name != t.Issuer {
		issuer = newIssuerDigests(strings.Clone(t.Issuer)) // it may be a part of a larger text
		m.issuer.Store(issuer)
	}
	var p Prepared
	p.set(t, issuer)
	return m.glancePrepared(&p)
}

// glancePrepared is glance of a token whose ids need not be hashed again. Most
// tokens have no entry anywhere; of those that may have one, more is found out
// in its own time.
func (m *Mirror) glancePrepared(p *Prepared) Glance {
	if p.issuer == nil {
		return Glance{}
	}
	g := Glance{mirror: m, stripe: uint8(p.stripe())}
	if m.pending.empty() && m.own.size.Load() == 0 {
		g.view = m.view.Load()
		if g.view != nil && len(g.view.former) == 0 && g.view.table.lacks(p) {
			return g
		}
	}
	var f found
	names := p.all()
	g.view = m.find(&p.token, &names, &f)
	if f != (found{}) {
		kept := f // so that only what was found costs an allocation
		g.found = &kept
	}
	return g
}

// find finds what there is of a token, and returns the view that it looked at.
func (m *Mirror) find(t *Token, names *digests, f *found) *mirrorView {
	login, heard := millis(t.Login), m.heard.Load()
	if !m.pending.empty() && m.findAttempts(t, f) {
		return nil
	}
	denied := m.own.size.Load() > 0 && m.findOwn(t, names, f, login, heard)
	ask, view := f.ask, m.view.Load()
	if view != nil && !denied {
		f.look(view.table, t, names, login, heard)
	}
	if ask { // what the table denies may be what was reinstated: no more than a doubt
		f.ask, f.denial, f.from = true, nil, 0
	}
	if view != nil {
		f.lookBack(view.former, t, names, login, heard)
	}
	return view
}

// look looks for the entries of a token in a table, from the narrowest. One
// that denies it is enough.
func (f *found) look(table *mirrorTable, t *Token, names *digests, login, heard int64) {
	has := t.scopes()
	for s := ScopeToken; s <= ScopeIssuer; s++ {
		if !has.has(s) {
			continue
		}
		h := table.look(mirrorKey{scope: s, digest: names[s]})
		if h.found() && f.add(t, s, h, login, heard) {
			return
		}
	}
}

// add adds an entry of the token's, and reports whether it denies it at once.
func (f *found) add(t *Token, s Scope, h mirrorHit, login, heard int64) bool {
	switch {
	case h.expires <= heard:
		return false
	case h.denies(login, heard):
		f.doubt = denialBy(t, s, h)
		f.denial, f.from, f.until = f.doubt, 0, h.expires-expiryError
		return true
	}
	if h.rotated && (f.denial == nil || h.effective < f.from) {
		f.denial, f.from, f.until = denialBy(t, s, h), h.effective, h.expires-expiryError
	}
	if h.unresolved {
		f.ask, f.doubt = true, denialBy(t, s, h)
	}
	return false
}

// denialBy is what is known of an entry that denies a token.
func denialBy(t *Token, s Scope, h mirrorHit) *RevokedError {
	e := Entry{Scope: s, Issuer: t.Issuer, ExpiresAt: atMillis(h.expires)}
	if s != ScopeIssuer {
		e.ID = t.ids()[s]
	}
	if h.revoked {
		e.Revoked = &Revoked{}
		if s.Wide() {
			e.Revoked.Cutoff = atMillis(h.cutoff)
		}
	}
	if h.rotated {
		e.Rotated = &Rotated{EffectiveFrom: atMillis(h.effective)}
	}
	return &RevokedError{Entry: e}
}

// findAttempts finds what this process tries to revoke (R16), and reports
// whether that is all there is to say.
func (m *Mirror) findAttempts(t *Token, f *found) bool {
	err := m.attempted(m.keys.places(*t), *t)
	switch {
	case errors.Is(err, ErrRevoked):
		f.denial, f.sure = err, true
	case err != nil:
		f.ask = true // Check says so too
	}
	return err != nil
}

// findOwn finds what this process has written, and reports whether that denies
// the token. Former tables are looked at all the same: Redis may be asked yet,
// and one that forgot denies nothing.
func (m *Mirror) findOwn(t *Token, names *digests, f *found, login, heard int64) bool {
	var room [ScopeIssuer]mirrorKey
	keys := append(room[:0], mirrorKey{ScopeToken, names[ScopeToken]}, mirrorKey{ScopeIssuer, names[ScopeIssuer]})
	if t.Session != "" {
		keys = append(keys, mirrorKey{ScopeSession, names[ScopeSession]})
	}
	if t.Subject != "" {
		keys = append(keys, mirrorKey{ScopeSubject, names[ScopeSubject]})
	}
	f.ask = m.own.look(keys, func(s Scope, w ownWrite) {
		f.own = f.own || !w.late
		if f.add(t, s, w.hit, login, heard) && w.late {
			f.sure = true // Redis may have forgotten it: it cannot be asked
		}
	})
	if f.ask {
		f.denial, f.from, f.sure = nil, 0, false
	}
	return f.denial != nil && f.from == 0
}

// Verdict is what the mirror says at an instant that was read after Glance
// returned: nil, an error wrapping ErrRevoked, or not known, in which case Check
// has to be asked. now must come from time.Now, or from the mirror's own Now.
func (g Glance) Verdict(now time.Time) (err error, known bool) {
	if g.mirror == nil {
		return nil, false
	}
	if g.found == nil || !g.found.sure {
		if g.view == nil || !g.view.fresh(now, g.mirror.opts.MaxStaleness) {
			return nil, false
		}
	}
	if g.found != nil {
		if err, known = g.found.verdict(g.mirror, now); !known {
			return nil, false
		}
		if g.found.shadow != nil {
			g.mirror.shadow(*g.found.shadow)
		}
	}
	g.mirror.counters.answered[g.stripe].Add(1)
	return err, true
}

// verdict is what was found at an instant.
func (f *found) verdict(m *Mirror, now time.Time) (err error, known bool) {
	switch {
	case f.sure:
		return f.denial, true
	case f.ask && (f.denial == nil || f.from != 0):
		return nil, false
	case f.denial == nil:
		return nil, true
	}
	redis, measured := m.clock.when(now)
	if millis(redis) >= f.until || f.from != 0 && !measured {
		return nil, false
	}
	if millis(redis) >= f.from {
		err = f.denial
	}
	return err, true
}

// when is what Redis's clock reads when the own one reads an instant; measured
// says whether that is known well enough to judge by (R12).
func (c *redisClock) when(own time.Time) (now time.Time, measured bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at(own), !c.stale(own)
}

// mirrorNotes keep an answer of Redis from undoing a reinstatement that the
// mirror has read of since.
type mirrorNotes struct {
	mu      sync.Mutex
	removed uint64 // how many reinstatements were entered
}

// begin is to be called before Redis is asked.
func (n *mirrorNotes) begin() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.removed
}

// note enters what Redis answered of entries that were unresolved. That there
// is none is not noted: what is gone expires here too, or a record says so.
func (m *Mirror) note(table *mirrorTable, found []Entry, begun uint64) {
	m.notes.mu.Lock()
	defer m.notes.mu.Unlock()
	if m.notes.removed != begun {
		return
	}
	for _, e := range found {
		key := mirrorKeyFor(e)
		if table.look(key).unresolved {
			// Without room it stays unresolved.
			_ = table.resolve(key, recordOf(e))
		}
	}
}
