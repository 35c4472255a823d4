package rotation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Store is what sessions are kept in: denylist.Memory and denylist.Redis.
type Store interface {
	denylist.Store
	denylist.Spender
}

// Style is how a session is carried.
type Style uint8

// The styles.
const (
	Pair   Style = iota // a short access token and a refresh token
	Single              // one access token, exchanged for the next
)

// The types of our tokens (RFC 9068, section 2.1; rt+jwt is our own).
const (
	accessType  = "at+jwt"
	refreshType = "rt+jwt"
)

// Options are the settings of [Sessions]. The zero value is safe but for
// Issuer, which is required. Lifetimes are whole seconds, as exp is.
type Options struct {
	Issuer   string   // iss of every token
	Audience []string // aud of access tokens; default "rescind"
	Style    Style    // of sessions that begin; the others go on as they began

	AccessTTL  time.Duration // default 15 min
	RefreshTTL time.Duration // the idle limit; default 24 h
	SessionTTL time.Duration // the absolute end; default 30 d

	Leeway time.Duration // on iat and nbf, never on exp (R7); default 0

	// ReplayWindow is how long after an exchange a retry gets the same
	// successor again (R11). Default 0: never. The server's default is 10 s.
	ReplayWindow time.Duration
	// VerifyOverlap is how long a rotated token still authenticates requests
	// in flight (R12). Default 0. The server's default is 10 s.
	VerifyOverlap time.Duration
	// RotateEvery bounds a chain to 20 exchanges plus one for each of it since
	// login (R13). Default 5 s; negative: no bound.
	RotateEvery time.Duration
	// KeepOldAccess leaves the old access token of a pair alive when its
	// refresh token is exchanged: the setting rotate-denies-access=false.
	KeepOldAccess bool

	// Claims is asked at each login and exchange what to sign beside our own
	// claims: see [FreshClaims]. Default: nothing.
	Claims func(context.Context, ClaimsRequest) (FreshClaims, error)
	// ClaimsVersion is the version of the claims that this node issues: cv.
	// [Sliding] exchanges tokens of an older one at their next request, with
	// no store asked. Raise it with a deployment that needs other claims.
	ClaimsVersion int64

	// Inventory lists the sessions of each subject: one write at each login.
	// The store is one, the same for the whole fleet; a node without it makes
	// sessions that are not listed, and lets others drop out of the list when
	// it exchanges their tokens. Default nil: nothing is listed.
	Inventory denylist.Inventory

	MaxAccessLifetime  time.Duration // default 24 h
	MaxRefreshLifetime time.Duration // default 90 d

	Now func() time.Time // default time.Now
}

// Errors of logins and exchanges. Beside them an exchange returns the
// verifier's, and denylist.ErrReused, ErrExpired, ErrRevoked and
// ErrUnavailable.
var (
	// ErrTooOften: the chain has used up its rotations (R13).
	ErrTooOften = errors.New("rotation: exchanged too often")
	// ErrNotExchangeable: an access token of a pair, or a token that belongs
	// to another client.
	ErrNotExchangeable = errors.New("rotation: token cannot be exchanged")
	// ErrScope: more scope than was granted at login.
	ErrScope = errors.New("rotation: scope was not granted")
	// ErrCredentials is what the application returns to a [Browser] that
	// somebody without the right password would log in with.
	ErrCredentials = errors.New("rotation: wrong credentials")
	// ErrInvalid: a login or an attempt that nobody may make.
	ErrInvalid = errors.New("rotation: invalid")
)

// Sessions issues and exchanges the tokens of one issuer. It is safe for
// concurrent use.
type Sessions struct {
	opts  Options
	ring  *KeyRing
	store Store

	exchange  *verifier.Verifier // of tokens to exchange
	recognize *verifier.Verifier // of tokens to revoke: expired ones too

	partitioned bool // see isPartitioned
}

// New returns the sessions of opts.Issuer, signed with ring's keys.
func New(ring *KeyRing, store Store, opts Options) (*Sessions, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if ring.tokenLife < opts.longestTTL() {
		return nil, fmt.Errorf("rotation: keys verify for %v, tokens live %v: raise KeyRingOptions.TokenLife", ring.tokenLife, opts.longestTTL())
	}
	s := &Sessions{opts: opts, ring: ring, store: store, partitioned: isPartitioned(store)}
	if s.partitioned && opts.Style == Single {
		return nil, errors.New("rotation: single-token style: want a store of one partition")
	}
	ours := verifier.Issuer{
		Name:        opts.Issuer,
		Keys:        ring,
		Audiences:   append([]string{opts.Issuer}, opts.Audience...),
		Types:       []string{accessType, refreshType},
		MaxLifetime: opts.longestLifetime(),
	}
	var err error
	// Neither has a cache: what is exchanged or revoked is not seen again.
	strict := verifier.Options{Leeway: opts.Leeway, ExactExpiry: true, NoCache: true, Now: opts.Now}
	if s.exchange, err = verifier.New(store, []verifier.Issuer{ours}, strict); err != nil {
		return nil, fmt.Errorf("rotation: %w", err)
	}
	// A token that only takes away may be as old as it likes, and from a node
	// whose clock is ahead.
	lenient := verifier.Options{Leeway: denylist.MaxLeeway, InsecureIgnoreExpiry: true, NoCache: true, Now: opts.Now}
	if s.recognize, err = verifier.New(store, []verifier.Issuer{ours}, lenient); err != nil {
		return nil, fmt.Errorf("rotation: %w", err)
	}
	return s, nil
}

// isPartitioned reports whether the store keeps a session's chain apart from
// the entries of its tokens. Such a store cannot spend a single token and deny
// it in one step.
func isPartitioned(store Store) bool {
	p, ok := store.(interface{ Partitions() int })
	return ok && p.Partitions() > 1
}

// Now is the clock that logins are stamped with: Redis's (R6).
func (s *Sessions) Now(ctx context.Context) (time.Time, error) { return s.store.Now(ctx) }

// Issuer is how a verifier trusts this issuer's access tokens.
func (s *Sessions) Issuer() verifier.Issuer {
	return verifier.Issuer{
		Name:        s.opts.Issuer,
		Keys:        s.ring,
		Audiences:   append([]string(nil), s.opts.Audience...),
		Types:       []string{accessType},
		MaxLifetime: s.opts.MaxAccessLifetime,
	}
}

// Recognize returns the claims of any token of this issuer, access or refresh,
// expired or not, without asking the denylist: for revoking it.
func (s *Sessions) Recognize(ctx context.Context, raw string) (verifier.Claims, error) {
	return s.recognize.Authenticate(ctx, raw)
}

func (o Options) withDefaults() Options {
	if len(o.Audience) == 0 {
		o.Audience = []string{"rescind"}
	}
	o.Audience = append([]string(nil), o.Audience...)
	for _, d := range []struct {
		value *time.Duration
		unset time.Duration
	}{
		{&o.AccessTTL, 15 * time.Minute},
		{&o.RefreshTTL, 24 * time.Hour},
		{&o.SessionTTL, 30 * 24 * time.Hour},
		{&o.RotateEvery, 5 * time.Second},
		{&o.MaxAccessLifetime, 24 * time.Hour},
		{&o.MaxRefreshLifetime, 90 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.unset
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// validate refuses settings under which a rule could not hold.
func (o Options) validate() error {
	if err := checkID("issuer", o.Issuer); err != nil {
		return err
	}
	for _, aud := range o.Audience {
		if err := checkID("audience", aud); err != nil {
			return err
		}
	}
	if o.Style > Single {
		return fmt.Errorf("rotation: no style %d", o.Style)
	}
	for _, ttl := range []struct {
		name       string
		value, max time.Duration
	}{
		{"access TTL", o.AccessTTL, o.MaxAccessLifetime},
		{"refresh TTL", o.RefreshTTL, o.MaxRefreshLifetime},
		{"session TTL", o.SessionTTL, maxSession},
	} {
		switch {
		case ttl.value < time.Second || ttl.value%time.Second != 0:
			return fmt.Errorf("rotation: %s %v: want whole seconds, at least one", ttl.name, ttl.value)
		case ttl.max < 2*time.Second:
			return fmt.Errorf("rotation: longest %s %v: want at least two seconds, which a token of one second may live", ttl.name, ttl.max)
		case ttl.value > ttl.max:
			return fmt.Errorf("rotation: %s %v: want at most %v", ttl.name, ttl.value, ttl.max)
		}
	}
	if o.ClaimsVersion < 0 {
		return fmt.Errorf("rotation: negative claims version %d", o.ClaimsVersion)
	}
	for name, d := range map[string]time.Duration{"leeway": o.Leeway, "replay window": o.ReplayWindow, "verify overlap": o.VerifyOverlap} {
		if d < 0 {
			return fmt.Errorf("rotation: negative %s %v", name, d)
		}
	}
	return nil
}

// maxSession keeps a session's end an instant that every reader of tokens
// understands.
const maxSession = 100 * 365 * 24 * time.Hour

// longestTTL is the longest life of a token that is issued from now on.
func (o Options) longestTTL() time.Duration {
	if o.Style == Single {
		return o.AccessTTL
	}
	return max(o.AccessTTL, o.RefreshTTL)
}

// longestLifetime is the longest life of any token that the issuer's policy
// lets anybody accept: those included that were issued before a TTL was
// lowered (R5).
func (o Options) longestLifetime() time.Duration {
	return max(o.MaxAccessLifetime, o.MaxRefreshLifetime)
}

// checkID refuses what a claim or an entry cannot hold.
func checkID(name, id string) error {
	switch {
	case id == "" || len(id) > denylist.MaxID:
		return fmt.Errorf("%w: %s of %d bytes: want 1 to %d", ErrInvalid, name, len(id), denylist.MaxID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: %s is not text in UTF-8", ErrInvalid, name)
	}
	return nil
}
