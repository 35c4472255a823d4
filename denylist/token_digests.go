package denylist

import "crypto/sha256"

// digests are those of a token's ids, by the scope of the entries that they
// name. An id that the token does not have has none: zeros.
type digests [ScopeIssuer + 1][rawDigestLen]byte

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

// ids are t's own, by the scope of the entries that name them.
func (t Token) ids() [ScopeIssuer]string {
	return [...]string{ScopeToken: t.ID, ScopeSession: t.Session, ScopeSubject: t.Subject}
}

// digests are those that t was prepared with, or computed now; k remembers the
// issuer's.
func (t Token) digests(k keys) digests {
	if t.prepared.of(&t) {
		return t.prepared.all()
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
