package denylist

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// Prepared is a token with what stores compute of its ids: one that is checked
// often, as those in a cache are, costs no hashing each time. Of each id that is
// done when it is first asked for, and for all stores and mirrors.
//
// The zero Prepared is no token; Set makes it one. Nobody copies it. It is safe
// for concurrent use once it is set.
type Prepared struct {
	// What a mirror's check reads: 64 bytes.
	issuer *issuerDigests // nil: no token that any store takes
	spots  [ScopeIssuer - 1]spot
	state  atomic.Uint64 // see lacked; its last bits say which counter counts the checks

	token   Token
	digests [ScopeIssuer - 1][rawDigestLen / 8]atomic.Uint64
	kept    atomic.Pointer[keptPlaces] // for the store that asked last
}

// spot is where the tables of this process have what an id names, if they do.
// Whoever finds it empty fills it: everybody with the same.
type spot struct {
	word  atomic.Uint64 // the first of its slotKey; 0: it is empty yet
	place atomic.Uint64 // not to be read before word
}

func (s *spot) set(scope Scope, digest *[rawDigestLen]byte) {
	key := placing.slotKey(scope, digest)
	s.place.Store(placing.place(key))
	s.word.Store(key.a)
}

// issuerDigests are what all tokens of an issuer share.
type issuerDigests struct {
	spot spot // of its entry
	name string
	sum  [sha256.Size]byte
	own  [rawDigestLen]byte // of its entry
}

func newIssuerDigests(name string) *issuerDigests {
	i := &issuerDigests{name: name, sum: sha256.Sum256([]byte(name))}
	i.own = rawDigest(i.sum, "")
	i.spot.set(ScopeIssuer, &i.own)
	return i
}

// keptPlaces are the places of a token in one store.
type keptPlaces struct {
	store  *atomic.Pointer[issuerKeys] // which has one of its own: see keys
	places []place
}

// Set prepares t, once, before anybody else sees p. like may be nil, or a token
// that was prepared, of the same issuer: what tokens of an issuer have in common
// they then share.
func (p *Prepared) Set(t Token, like *Prepared) {
	if p.issuer != nil { // it was another: its places would be looked at, and that one allowed
		*p = Prepared{}
	}
	if t.validate() != nil {
		p.token = t
		return
	}
	var issuer *issuerDigests
	if like != nil && like.issuer != nil && like.issuer.name == t.Issuer {
		issuer = like.issuer
	} else {
		issuer = newIssuerDigests(t.Issuer)
	}
	p.set(&t, issuer)
	p.token.prepared = p
}

func (p *Prepared) set(t *Token, issuer *issuerDigests) {
	p.token, p.issuer = *t, issuer
	p.state.Store(stripeOf(t.ID) % counterStripes)
}

// lacked reports whether the table that found nothing of the token last is in
// the state that it had then.
func (p *Prepared) lacked(state uint64) bool {
	return p.state.Load()/counterStripes == state%(1<<64/counterStripes)
}

// setLacked notes a state in which a table has nothing of the token.
func (p *Prepared) setLacked(state uint64) {
	p.state.Store(state*counterStripes + p.stripe())
}

// stripe is which counter counts the token's checks.
func (p *Prepared) stripe() uint64 { return p.state.Load() % counterStripes }

// stripeOf spreads ids over counterStripes by their last character: evenly, if
// that is a hexadecimal digit, as in a UUID.
func stripeOf(id string) uint64 {
	c := uint64(id[len(id)-1])
	return c + c>>6*9
}

// Token is the token. Stores that are asked about it, or about a copy of it,
// have what is prepared.
func (p *Prepared) Token() Token { return p.token }

// of reports whether p is t. Strings in the same memory are compared as quickly
// as pointers.
func (p *Prepared) of(t *Token) bool {
	return p != nil && p.token.ID == t.ID && p.token.Session == t.Session && p.token.Subject == t.Subject && p.token.Issuer == t.Issuer
}

// all are the digests.
func (p *Prepared) all() (all digests) {
	all[ScopeIssuer] = p.issuer.own
	for s := ScopeToken; s < ScopeIssuer; s++ {
		p.spot(s)
		for i := range p.digests[s-1] {
			binary.LittleEndian.PutUint64(all[s][8*i:], p.digests[s-1][i].Load())
		}
	}
	return all
}

// spot is that of the token's id. Tokens that have none share one, where nobody
// has anything.
func (p *Prepared) spot(s Scope) *spot {
	if s == ScopeIssuer {
		return &p.issuer.spot
	}
	at := &p.spots[s-1]
	if at.word.Load() == 0 {
		p.fill(s)
	}
	return at
}

// fill computes a digest and then its spot.
func (p *Prepared) fill(s Scope) {
	var digest [rawDigestLen]byte
	if id := p.token.ids()[s]; id != "" {
		digest = rawDigest(p.issuer.sum, id)
	}
	for i := range p.digests[s-1] {
		p.digests[s-1][i].Store(binary.LittleEndian.Uint64(digest[8*i:]))
	}
	p.spots[s-1].set(s, &digest)
}
