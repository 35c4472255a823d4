package verifier

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// Issuer says whose tokens are trusted, and how far.
type Issuer struct {
	Name string // iss, byte for byte; at most denylist.MaxID bytes
	Keys KeySet
	// Audiences: a token must name at least one. Empty is refused at New.
	Audiences []string
	// Types a token's typ may have; "application/" may be left out and case
	// does not count. Default at+jwt only (RFC 9068). An empty string among
	// them accepts tokens without typ.
	Types []string
	// Algorithms are those that a key may be for. Default all: what a key is
	// for says the key, never a token (R2).
	Algorithms []Algorithm
	// ScopeClaim and SessionClaim are the claims that hold the scope, a string
	// or an array of strings, and the session. Default scope and sid; others
	// are scp (Okta, Entra ID) and permissions (Auth0). Where they are named,
	// the standard ones mean nothing.
	ScopeClaim, SessionClaim string
	// MaxLifetime is the most that exp − iat may be. Default 24 h.
	MaxLifetime time.Duration
	// SessionLife is the longest that a session of the issuer goes on: so long
	// an entry about its sessions, its subjects or all of it stands (R5).
	// Default 90 d; less than MaxLifetime counts as that.
	SessionLife time.Duration
	// InsecureIDFingerprint accepts tokens without jti: their id is a digest of
	// the decoded claims bytes (R3). Such a token can be denied by its issuer's
	// exact bytes only.
	InsecureIDFingerprint bool
}

// issuer is an Issuer that New has checked, with the defaults in.
type issuer struct {
	name        string
	number      int // in the order of New
	keys        KeySet
	fixed       bool      // the keys never change
	versioned   Versioned // nil: they cannot say whether they have
	audiences   []string
	types       []string    // in the form of Claims.Type
	algorithms  []Algorithm // nil: all
	own         ownClaims
	maxLifetime time.Duration
	sessionLife time.Duration
	fingerprint bool
	sample      *denylist.Prepared // whose digest of the issuer all its tokens share
}

const (
	defaultType        = "at+jwt"
	defaultMaxLifetime = 24 * time.Hour
	defaultSessionLife = 90 * 24 * time.Hour
)

func newIssuer(from Issuer) (*issuer, error) {
	bad := func(why string) error { return fmt.Errorf("verifier: issuer %.100q: %s", from.Name, why) }
	keys, fixed := from.Keys.(Keys)
	switch {
	case from.Name == "" || len(from.Name) > denylist.MaxID:
		return nil, bad("want a name of 1 to 256 bytes")
	case from.Keys == nil || fixed && len(keys) == 0:
		return nil, bad("no keys")
	case fixed && slices.Contains(keys, Key{}):
		return nil, bad("a key that NewKey did not make")
	case len(from.Audiences) == 0 || slices.Contains(from.Audiences, ""):
		return nil, bad("no audience: any other service's tokens would be accepted")
	case from.MaxLifetime < 0 || from.SessionLife < 0:
		return nil, bad("negative lifetime")
	case slices.ContainsFunc(from.Algorithms, func(a Algorithm) bool { return a.family() == familyNone }):
		return nil, bad("an algorithm that is none")
	}
	own, err := newOwnClaims(from)
	if err != nil {
		return nil, bad(err.Error())
	}
	i := &issuer{
		name:        from.Name,
		keys:        from.Keys,
		fixed:       fixed,
		audiences:   slices.Clone(from.Audiences),
		algorithms:  slices.Clone(from.Algorithms),
		own:         own,
		maxLifetime: from.MaxLifetime,
		fingerprint: from.InsecureIDFingerprint,
		sample:      new(denylist.Prepared),
	}
	i.sample.Set(denylist.Token{Issuer: from.Name, ID: "sample"}, nil)
	if fixed {
		i.keys = slices.Clone(keys)
	}
	i.versioned, _ = from.Keys.(Versioned)
	if i.maxLifetime == 0 {
		i.maxLifetime = defaultMaxLifetime
	}
	i.sessionLife = max(cmp.Or(from.SessionLife, defaultSessionLife), i.maxLifetime)
	for _, typ := range from.Types {
		i.types = append(i.types, strings.ToLower(mediaType(typ)))
	}
	if len(i.types) == 0 {
		i.types = []string{defaultType}
	}
	return i, nil
}

// MaxLifetime is the longest life of an issuer's tokens by its policy: what an
// entry about them must outlive (R5). It is 0 for an issuer that is not trusted.
func (v *Verifier) MaxLifetime(issuer string) time.Duration {
	if i := v.issuers[issuer]; i != nil {
		return i.maxLifetime
	}
	return 0
}

// SessionLife is the longest life of an issuer's sessions by its policy: what
// an entry about them must outlive. It is 0 for an issuer that is not trusted.
func (v *Verifier) SessionLife(issuer string) time.Duration {
	if i := v.issuers[issuer]; i != nil {
		return i.sessionLife
	}
	return 0
}

// Remotes are the issuers' key sets that are fetched, by issuer: for programs
// that call Refresh, or show their state.
func (v *Verifier) Remotes() map[string]*Remote {
	remotes := map[string]*Remote{}
	for name, i := range v.issuers {
		if remote, ok := i.keys.(*Remote); ok {
			remotes[name] = remote
		}
	}
	return remotes
}

// issuerOf finds whose token this claims to be: that decides about the keys,
// one of which then has to prove it.
func (v *Verifier) issuerOf(p *parts) (*issuer, error) {
	iss := p.claims[claimIss]
	if iss.kind != kindString {
		return nil, fmt.Errorf("%w: the token names none", ErrIssuer)
	}
	i := v.issuers[iss.str()]
	if i == nil {
		return nil, ErrIssuer
	}
	return i, nil
}

// keyOf finds the key that has to have signed. The token's alg decides
// nothing: it must be what the key is for (R2).
func (i *issuer) keyOf(ctx context.Context, p *parts) (Key, error) {
	switch {
	case Algorithm(p.alg).family() == familyNone:
		return Key{}, fmt.Errorf("%w: none that is known", ErrAlgorithm)
	case i.typeOf(p) < 0:
		return Key{}, ErrType
	case p.hasKid && p.kid == "":
		return Key{}, fmt.Errorf("%w: empty kid", ErrUnknownKey)
	}
	key, err := i.keys.Key(ctx, p.kid)
	if err != nil {
		return Key{}, err
	}
	switch {
	case key.Algorithm() != Algorithm(p.alg):
		return Key{}, ErrAlgorithm
	case i.algorithms != nil && !slices.Contains(i.algorithms, key.Algorithm()):
		return Key{}, fmt.Errorf("%w: not one of the policy's", ErrAlgorithm)
	}
	return key, nil
}

// typeOf finds the token's type among the accepted ones. Tokens of one issuer
// are told apart by it: a refresh token is no access token, though all the
// rest is the same.
func (i *issuer) typeOf(p *parts) int {
	typ := mediaType(p.typ)
	return slices.IndexFunc(i.types, func(accepted string) bool { return strings.EqualFold(typ, accepted) })
}

// judge holds the claims against the policy.
func (i *issuer) judge(c *claims) error {
	if !slices.ContainsFunc(i.audiences, c.audience.holds) {
		return ErrAudience
	}
	exp := c.expiresAt()
	if exp.Equal(beyond) || !exp.After(c.issuedAt) || exp.Sub(c.issuedAt) > i.maxLifetime {
		return ErrLifetime
	}
	return nil
}
