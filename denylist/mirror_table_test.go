package denylist

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mirrorNow is when the tests of the table begin.
var mirrorNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// mirrorClock is a clock that is set by hand.
type mirrorClock struct{ now time.Time }

func (c *mirrorClock) read() time.Time { return c.now }

func numberedKey(s Scope, n uint64) mirrorKey {
	k := mirrorKey{scope: s}
	binary.BigEndian.PutUint64(k.digest[8:], n)
	return k
}

// mirrorModel is what a table promises, as a plain map.
type mirrorModel map[mirrorKey]mirrorRecord

// alive is an entry unless it has expired.
func (m mirrorModel) alive(k mirrorKey, now time.Time) mirrorRecord {
	if r, ok := m[k]; ok && r.expiresAt.After(now) {
		return r
	}
	return mirrorRecord{}
}

func (m mirrorModel) put(k mirrorKey, add mirrorRecord, resolves bool, now time.Time) {
	r := m.alive(k, now)
	if resolves {
		r.unresolved, add.unresolved = false, false
	}
	if (r == mirrorRecord{expiresAt: r.expiresAt}) { // nothing is there
		m[k] = add
		return
	}
	if (add == mirrorRecord{expiresAt: add.expiresAt}) {
		m[k] = r
		return
	}
	if add.revoked {
		r.revoked, r.cutoff = true, later(r.cutoff, add.cutoff)
	}
	if r.effectiveFrom.IsZero() || !add.effectiveFrom.IsZero() && add.effectiveFrom.Before(r.effectiveFrom) {
		r.effectiveFrom = add.effectiveFrom
	}
	r.expiresAt = later(r.expiresAt, add.expiresAt)
	r.unresolved = r.unresolved || add.unresolved
	m[k] = r
}

func (m mirrorModel) remove(k mirrorKey) {
	r := m[k]
	r.revoked, r.cutoff = false, time.Time{}
	m[k] = r
}

// agree compares what a table finds with what the model has: whole seconds of
// expiry are exact.
func (m mirrorModel) agree(t *testing.T, table *mirrorTable, k mirrorKey, now time.Time) {
	t.Helper()
	want, got := m.alive(k, now), table.look(k)
	if got.found() && lacks(table, k) {
		t.Fatalf("lacks(%v), and look finds %+v", k, got)
	}
	if got.expires <= millis(now) {
		got = mirrorHit{}
	}
	rotated := !want.effectiveFrom.IsZero()
	ok := got.revoked == want.revoked && got.rotated == rotated && got.unresolved == want.unresolved
	if ok && want.revoked && k.scope.Wide() {
		ok = got.cutoff == millis(want.cutoff)
	}
	if ok && rotated { // an instant that has come may be any that has
		ok = got.effective == millis(want.effectiveFrom) || got.effective <= millis(now) && !want.effectiveFrom.After(now)
	}
	if ok && got.found() {
		ok = got.expires == millis(want.expiresAt)
	}
	if !ok {
		t.Fatalf("look(%v) at %d = %+v, want %+v", k, millis(now), got, want)
	}
}

// preparedAs is a token whose ids have these digests.
func preparedAs(names *digests) *Prepared {
	p := &Prepared{issuer: &issuerDigests{own: names[ScopeIssuer]}}
	p.issuer.spot.set(ScopeIssuer, &names[ScopeIssuer])
	for s := range p.spots {
		p.spots[s].set(Scope(s+1), &names[s+1])
	}
	return p
}

// lacks is what a table says of a token whose only id is k's.
func lacks(table *mirrorTable, k mirrorKey) bool {
	var names digests
	names[k.scope] = k.digest
	return table.lacks(preparedAs(&names))
}

// TestMirrorTable_Lacks: a token has several ids, and each may be the one that
// has an entry, wherever that is in its line.
func TestMirrorTable_Lacks(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	const entries = 5000
	key := func(s Scope, n uint64) mirrorKey {
		k := numberedKey(s, n)
		copy(k.digest[:8], k.digest[8:]) // half a digest is as good as all of it
		return k
	}
	names := func(first Scope, n uint64) *Prepared {
		var all digests
		for s := ScopeToken; s <= ScopeIssuer; s++ {
			all[s] = key(s, entries+n).digest
		}
		all[first] = key(first, n).digest
		return preparedAs(&all)
	}
	for s := ScopeToken; s <= ScopeIssuer; s++ {
		assert.True(t, table.lacks(names(s, 0)))
		for i := range uint64(entries) {
			require.NoError(t, table.put(key(s, i), mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}))
		}
		for i := range uint64(entries) {
			require.False(t, table.lacks(names(s, i)))
			require.True(t, table.lacks(names(s, entries+i)))
		}
	}
}

// randomRecord is a record that Redis might have, of few instants, so that
// they meet.
func randomRecord(random *rand.Rand, s Scope, now time.Time) mirrorRecord {
	r := mirrorRecord{expiresAt: now.Add(time.Duration(random.IntN(300)-10) * time.Second)}
	if random.IntN(20) == 0 {
		r.expiresAt = now.AddDate(random.IntN(5), 0, 0)
	}
	kinds := random.IntN(8)
	r.revoked = kinds&1 != 0 || s != ScopeToken
	if r.revoked && s.Wide() {
		r.cutoff = now.Add(time.Duration(random.IntN(2000)-1000) * time.Millisecond)
	}
	if s == ScopeToken && kinds&2 != 0 {
		r.effectiveFrom = now.Add(time.Duration(random.IntN(2000)-500) * time.Millisecond * 10)
	}
	r.unresolved = kinds == 4 || kinds == 0
	return r
}

// TestMirrorTable_AgainstAMap does at random what a plain map does at leisure:
// it grows to thousands of entries, expires, shrinks, and grows again.
func TestMirrorTable_AgainstAMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		clock := &mirrorClock{now: mirrorNow}
		table, model := newMirrorTable(0, clock.read), mirrorModel{}
		keys := uint64(4) << (2 * seed)
		for range 12_000 {
			k := numberedKey(Scope(1+random.IntN(4)), random.Uint64N(keys))
			switch random.IntN(30) {
			case 0, 1, 2:
				table.remove(k)
				model.remove(k)
			case 3:
				clock.now = clock.now.Add(time.Duration(random.IntN(3)) * time.Second)
			case 4:
				table.purge(clock.now, random.IntN(1000))
			case 5:
				r := mirrorRecord{}
				if random.IntN(2) == 0 {
					r = randomRecord(random, k.scope, clock.now)
				}
				require.NoError(t, table.resolve(k, r))
				model.put(k, r, true, clock.now)
			default:
				r := randomRecord(random, k.scope, clock.now)
				require.NoError(t, table.put(k, r))
				model.put(k, r, false, clock.now)
			}
			model.agree(t, table, k, clock.now)
			model.agree(t, table, numberedKey(k.scope, random.Uint64N(keys)), clock.now)
		}
		checkWhole(t, table, model, clock.now)
	}
}

// checkWhole compares all that a table says of itself with the model and with
// its own arrays.
func checkWhole(t *testing.T, table *mirrorTable, model mirrorModel, now time.Time) {
	t.Helper()
	for k := range model {
		model.agree(t, table, k, now)
	}
	n := 0
	for k, h := range table.all() {
		n++
		assert.Equal(t, table.look(k), h)
		model.agree(t, table, k, now)
	}
	assert.Equal(t, table.len(), n)
	bytes := newMirrorTable(0, nil).bytes()
	for i := range table.shards {
		s := &table.shards[i]
		bytes += s.array.Load().bytes()
		if a := s.array.Load(); a != nil {
			assert.LessOrEqual(t, s.used.Load(), limit(a.slots))
		}
	}
	assert.Equal(t, bytes, table.bytes())
}

// TestMirrorTable_KeepsToTheLastInstant: whatever its fraction of a second, an
// entry is not forgotten before its expiry, and not denied a second after it.
func TestMirrorTable_KeepsToTheLastInstant(t *testing.T) {
	t.Parallel()
	for _, base := range []time.Time{mirrorNow, mirrorNow.Add(time.Millisecond), time.UnixMilli(-1), time.Unix(0, 0)} {
		clock := &mirrorClock{now: base}
		table := newMirrorTable(0, clock.read)
		for i := range uint64(3000) {
			k, end := numberedKey(ScopeToken, i), base.Add(time.Duration(i)*time.Millisecond+time.Second)
			require.NoError(t, table.put(k, mirrorRecord{revoked: true, expiresAt: end}))
			got := table.look(k).expires
			if got < millis(end) || got >= millis(end)+1000 {
				t.Fatalf("put until %d, found until %d", millis(end), got)
			}
		}
		for i := range uint64(3000) {
			if clock.now = base.Add(time.Duration(i)*time.Millisecond + time.Second - 1); i%100 == 0 {
				table.purge(clock.now, math.MaxInt)
			}
			assert.True(t, table.look(numberedKey(ScopeToken, i)).found())
		}
	}
}

// TestMirrorTable_FarExpiry: an expiry that has no room in a slot is kept to
// the millisecond.
func TestMirrorTable_FarExpiry(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	for i, end := range []time.Time{
		mirrorNow.Add(time.Duration(slotRest) * time.Second), mirrorNow.Add(time.Duration(slotRest)*time.Second + 1e6),
		mirrorNow.AddDate(90, 0, 0), atMillis(maxMillis),
	} {
		k := numberedKey(ScopeSession, uint64(i))
		require.NoError(t, table.put(k, mirrorRecord{revoked: true, expiresAt: end}))
		assert.Equal(t, millis(end), table.look(k).expires)
	}
	require.NoError(t, table.put(numberedKey(ScopeSession, 9), mirrorRecord{revoked: true, expiresAt: atMillis(minMillis)}))
	assert.LessOrEqual(t, table.look(numberedKey(ScopeSession, 9)).expires, millis(mirrorNow))
}

// TestR10_MirrorTable: what each half of an entry denies, and that nothing
// takes it back but remove, which leaves the rotated half.
func TestR10_MirrorTable(t *testing.T) {
	t.Parallel()
	clock := &mirrorClock{now: mirrorNow}
	table := newMirrorTable(0, clock.read)
	at := func(d time.Duration) int64 { return millis(mirrorNow.Add(d)) }
	end := mirrorNow.Add(time.Hour)

	token := numberedKey(ScopeToken, 1)
	require.NoError(t, table.put(token, mirrorRecord{effectiveFrom: mirrorNow.Add(10 * time.Second), expiresAt: end}))
	assert.False(t, table.look(token).denies(0, at(9999*time.Millisecond)))
	assert.True(t, table.look(token).denies(0, at(10*time.Second)))
	assert.False(t, table.look(token).denies(0, at(time.Hour)), "it has expired")
	require.NoError(t, table.put(token, mirrorRecord{effectiveFrom: mirrorNow.Add(20 * time.Second), expiresAt: end}))
	assert.True(t, table.look(token).denies(0, at(10*time.Second)), "nothing is postponed")
	require.NoError(t, table.put(token, mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Minute)}))
	assert.True(t, table.look(token).denies(0, at(0)))
	assert.True(t, table.look(token).denies(0, at(59*time.Minute)), "nothing is shortened")
	table.remove(token)
	assert.False(t, table.look(token).denies(0, at(9999*time.Millisecond)))
	assert.True(t, table.look(token).denies(0, at(10*time.Second)), "a token that was exchanged stays so")

	subject := numberedKey(ScopeSubject, 1)
	require.NoError(t, table.put(subject, mirrorRecord{revoked: true, cutoff: mirrorNow, expiresAt: end}))
	require.NoError(t, table.put(subject, mirrorRecord{revoked: true, cutoff: mirrorNow.Add(-time.Hour), expiresAt: end}))
	assert.True(t, table.look(subject).denies(at(0), at(0)), "a tie dies")
	assert.False(t, table.look(subject).denies(at(time.Millisecond), at(0)))
	table.remove(subject)
	assert.Equal(t, mirrorHit{}, table.look(subject))
	require.NoError(t, table.put(subject, mirrorRecord{revoked: true, cutoff: mirrorNow.Add(-time.Hour), expiresAt: end}))
	assert.False(t, table.look(subject).denies(at(0), at(0)), "what was reinstated does not come back")
}

// TestMirrorTable_Unresolved: an entry of which nothing is known stays so until
// it is resolved, whatever is put and removed meanwhile.
func TestMirrorTable_Unresolved(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	k, now, end := numberedKey(ScopeToken, 1), millis(mirrorNow), mirrorNow.Add(time.Hour)
	require.NoError(t, table.put(k, mirrorRecord{unresolved: true, expiresAt: end}))
	assert.True(t, table.look(k).unresolved)
	assert.False(t, table.look(k).denies(0, now))
	require.NoError(t, table.put(k, mirrorRecord{revoked: true, expiresAt: end}))
	assert.True(t, table.look(k).denies(0, now))
	table.remove(k)
	assert.True(t, table.look(k).unresolved)
	require.NoError(t, table.resolve(k, mirrorRecord{}))
	assert.Equal(t, mirrorHit{}, table.look(k), "Redis has none")
	assert.Zero(t, table.len())
	require.NoError(t, table.resolve(k, mirrorRecord{}))
	assert.Zero(t, table.len())
}

// TestMirrorTable_ScopesAreApart: one digest in four scopes is four entries.
func TestMirrorTable_ScopesAreApart(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	for i := range uint64(1000) {
		s := Scopes()[i%4]
		require.NoError(t, table.put(numberedKey(s, i), mirrorRecord{revoked: true, cutoff: mirrorNow, expiresAt: mirrorNow.Add(time.Hour)}))
		for _, other := range Scopes() {
			assert.Equal(t, s == other, table.look(numberedKey(other, i)).found())
		}
	}
}
