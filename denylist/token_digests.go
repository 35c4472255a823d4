package denylist

import (
	"crypto/sha256"
	"sync/atomic"
)

// digests are those of a token's ids, by the scope of the entries that they
// name. An id that the token does not have has none: zeros.
type digests [ScopeIssuer + 1][rawDigestLen]byte

// tokenDigests are the digests of a token, and the ids that they are of:
// whoever uses them compares. They never change, so that any number of copies
// of a token share them.
type tokenDigests struct {
	issuer *issuerDigests
	ids    [ScopeIssuer]string
	digests
	kept atomic.Pointer[keptPlaces] // for the store that asked last
}

// issuerDigests are what all tokens of an issuer share.
type issuerDigests struct {
	name string
	sum  [sha256.Size]byte
	own  [rawDigestLen]byte // of its entry
}

func newIssuerDigests(name string) *issuerDigests {
	sum := sha256.Sum256([]byte(name))
	return &issuerDigests{name: name, sum: sum, own: rawDigest(sum, "")}
}

// keptPlaces are the places of a token in one store.
type keptPlaces struct {
	store  *atomic.Pointer[issuerKeys] // which has one of its own: see keys
	places []place
}

// newTokenDigests are those of t, whose issuer like may have too.
func newTokenDigests(t *Token, like *tokenDigests) *tokenDigests {
	d := &tokenDigests{ids: t.ids()}
	if like != nil && like.issuer.name == t.Issuer {
		d.issuer = like.issuer
	} else {
		d.issuer = newIssuerDigests(t.Issuer)
	}
	d.digests = digestsOf(d.ids, d.issuer.sum, d.issuer.own)
	return d
}

// digestsOf are the digests of ids under an issuer, whose own is given.
func digestsOf(ids [ScopeIssuer]string, issuer [sha256.Size]byte, own [rawDigestLen]byte) digests {
	all := digests{ScopeIssuer: own}
	for s, id := range ids {
		if id != "" {
			all[s] = rawDigest(issuer, id)
		}
	}
	return all
}

// of reports whether d are the digests of t. Strings in the same memory are
// compared as quickly as pointers.
func (d *tokenDigests) of(t *Token) bool {
	return d != nil && d.issuer.name == t.Issuer &&
		d.ids[ScopeToken] == t.ID && d.ids[ScopeSession] == t.Session && d.ids[ScopeSubject] == t.Subject
}

// ids are t's own, by the scope of the entries that name them.
func (t Token) ids() [ScopeIssuer]string {
	return [...]string{ScopeToken: t.ID, ScopeSession: t.Session, ScopeSubject: t.Subject}
}

// digests are those that t was prepared with, or computed now; k remembers the
// issuer's.
func (t Token) digests(k keys) digests {
	if t.prepared.of(&t) {
		return t.prepared.digests
	}
	issuer := k.issuer(t.Issuer)
	return digestsOf(t.ids(), issuer.sum, issuer.raw)
}

// scopes are those of the entries that may deny t.
func (t *Token) scopes() scopeSet {
	set := setOf(ScopeToken) | setOf(ScopeIssuer)
	if t.Session != "" {
		set |= setOf(ScopeSession)
	}
	if t.Subject != "" {
		set |= setOf(ScopeSubject)
	}
	return set
}

// scopeSet is a set of scopes: a bit for each.
type scopeSet uint32

func setOf(s Scope) scopeSet { return 1 << s }

func (set scopeSet) has(s Scope) bool { return set&setOf(s) != 0 }
