package denylist

import (
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

func preparedOf(t Token) *Prepared { return t.Prepared().prepared }

// filled are the scopes whose ids were hashed.
func (p *Prepared) filled() (set scopeSet) {
	for s := range p.spots {
		if p.spots[s].word.Load() != 0 {
			set |= setOf(Scope(s + 1))
		}
	}
	return set
}

// TestPrepared_Lazy: an id is hashed when a table has anything of its scope.
func TestPrepared_Lazy(t *testing.T) {
	t.Parallel()
	p := preparedOf(tokenOf("s"))
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	assert.True(t, table.lacks(p))
	assert.Zero(t, p.filled())
	r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	require.NoError(t, table.put(numberedKey(ScopeIssuer, 1), r))
	assert.True(t, table.lacks(p))
	assert.Zero(t, p.filled())
	require.NoError(t, table.put(numberedKey(ScopeSession, 1), r))
	assert.True(t, table.lacks(p))
	assert.Equal(t, setOf(ScopeSession), p.filled())
	p.all()
	assert.Equal(t, setOf(ScopeToken)|setOf(ScopeSession)|setOf(ScopeSubject), p.filled())
}

// TestPrepared_LazyAtOnce: whoever comes first, all find the same.
func TestPrepared_LazyAtOnce(t *testing.T) {
	t.Parallel()
	r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	for range 200 {
		token := tokenOf("s")
		p := preparedOf(token)
		tables := make(map[Scope]*mirrorTable)
		for s, id := range map[Scope]string{ScopeToken: token.ID, ScopeSession: token.Session, ScopeSubject: token.Subject, ScopeIssuer: ""} {
			tables[s] = newMirrorTable(0, func() time.Time { return mirrorNow })
			require.NoError(t, tables[s].put(mirrorKeyFor(Entry{Scope: s, Issuer: testIssuer, ID: id}), r))
		}
		var all sync.WaitGroup
		for s := ScopeToken; s <= ScopeIssuer; s++ {
			all.Go(func() { assert.False(t, tables[s].lacks(p), s) })
			all.Go(func() {
				names := p.all()
				assert.Equal(t, digest(testIssuer, p.token.Subject), base64.RawURLEncoding.EncodeToString(names[ScopeSubject][:]))
			})
		}
		all.Wait()
	}
}

// TestPrepared_NoToken: what no store takes is not allowed by a mirror either.
func TestPrepared_NoToken(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{MaxStaleness: time.Minute})
	m := stepping(t, store, MirrorOptions{})
	reload(t, m)
	var none, bad Prepared
	bad.Set(Token{Issuer: testIssuer}, nil)
	for _, p := range []*Prepared{&none, &bad} {
		_, known := m.GlancePrepared(p).Verdict(m.opts.Now())
		assert.False(t, known)
		assert.ErrorIs(t, m.Check(t.Context(), p.Token()), ErrInvalid)
	}
}

// TestPrepared_SetAgain: nothing of another token is left in one that was set
// before, which would be allowed in its place.
func TestPrepared_SetAgain(t *testing.T) {
	t.Parallel()
	k, err := newKeys("", 1)
	require.NoError(t, err)
	r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	dead := tokenOf("dead")
	require.NoError(t, table.put(mirrorKeyFor(Entry{Scope: ScopeSession, Issuer: testIssuer, ID: dead.Session}), r))
	var p Prepared
	p.Set(tokenOf("live"), nil)
	assert.True(t, table.lacks(&p))
	k.places(p.Token())
	p.Set(dead, nil)
	assert.False(t, table.lacks(&p))
	assert.Equal(t, dead.digests(k), p.all())
	assert.Equal(t, k.places(dead), k.places(p.Token()))
	p.Set(Token{Issuer: testIssuer}, nil)
	assert.Nil(t, p.issuer, "what no store takes is no other's")
}

func reload(t *testing.T, m *Mirror) {
	t.Helper()
	l, err := m.load(t.Context())
	require.NoError(t, err)
	m.publish(t.Context(), l, nil)
}

// TestPrepared_Mirrors: a token that is prepared once is looked up in every
// table of every mirror, however often they are replaced.
func TestPrepared_Mirrors(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	one, _ := storeOn(t, s, RedisOptions{Prefix: s.For(t).Prefix() + "-one", MaxStaleness: time.Minute})
	two, _ := storeOn(t, s, RedisOptions{Prefix: s.For(t).Prefix() + "-two", MaxStaleness: time.Minute})
	mirrors := []*Mirror{stepping(t, one, MirrorOptions{}), stepping(t, two, MirrorOptions{})}
	token := tokenOf("s")
	p := preparedOf(token)
	verdicts := func() (errs [2]error) {
		for i, m := range mirrors {
			reload(t, m)
			for range 3 {
				err, known := m.GlancePrepared(p).Verdict(m.opts.Now())
				asked := m.Check(t.Context(), token)
				require.Equal(t, asked == nil, known && err == nil, "what is loaded denies, or Redis is asked what it is")
				errs[i] = asked
			}
		}
		return errs
	}
	assert.Equal(t, [2]error{}, verdicts())
	revoke := func(store *Redis, e Entry) {
		_, err := store.Revoke(t.Context(), e)
		require.NoError(t, err)
	}
	revoke(two, SessionEntry(testIssuer, "another", token.ExpiresAt))
	assert.Equal(t, [2]error{}, verdicts())
	revoke(one, TokenEntry(testIssuer, token.ID, token.ExpiresAt))
	errs := verdicts()
	assert.ErrorIs(t, errs[0], ErrRevoked)
	assert.NoError(t, errs[1])
	revoke(two, SubjectEntry(testIssuer, token.Subject, time.Time{}))
	errs = verdicts()
	assert.ErrorIs(t, errs[0], ErrRevoked)
	assert.ErrorIs(t, errs[1], ErrRevoked)
}

// TestPrepared_WithoutAnID: a token that has no session or subject is denied by
// no entry of one, not even by one that somebody wrote of a digest of zeros.
func TestPrepared_WithoutAnID(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{MaxStaleness: time.Minute})
	m := stepping(t, store, MirrorOptions{})
	reload(t, m)
	p := preparedOf(Token{Issuer: testIssuer, ID: "x", Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour)})
	table := m.view.Load().table
	for _, s := range []Scope{ScopeSession, ScopeSubject} {
		r := mirrorRecord{revoked: true, cutoff: time.Now().Add(time.Hour), expiresAt: time.Now().Add(time.Hour)}
		require.NoError(t, table.put(mirrorKey{scope: s}, r))
	}
	assert.False(t, table.lacks(p))
	err, known := m.GlancePrepared(p).Verdict(m.opts.Now())
	assert.NoError(t, err)
	assert.True(t, known)
}

// TestPrepared_Allocations: a glance at a prepared token and its verdict cost no
// memory, whatever scopes have entries.
func TestPrepared_Allocations(t *testing.T) {
	m := FilledMirror(t, 1000)
	p := preparedOf(tokenOf("s"))
	token := p.Token()
	verdict := func(g Glance) {
		err, known := g.Verdict(m.opts.Now())
		require.NoError(t, err)
		require.True(t, known)
	}
	assert.Zero(t, testing.AllocsPerRun(1000, func() { verdict(m.GlancePrepared(p)) }))
	assert.Zero(t, testing.AllocsPerRun(1000, func() { verdict(m.Glance(token)) }))
	assert.Equal(t, setOf(ScopeToken)|setOf(ScopeSession), p.filled())
}

// TestPrepared_Stripes: the digits that UUIDs end with use every counter.
func TestPrepared_Stripes(t *testing.T) {
	t.Parallel()
	used := make(map[uint64]bool)
	for _, digit := range "0123456789abcdef" {
		used[stripeOf("7f0c5b1e-95cf-4e0b-8a3b-00000000000"+string(digit))%counterStripes] = true
	}
	assert.Len(t, used, counterStripes)
}
