// Package rotation issues tokens, exchanges each for exactly one successor
// before it expires, and keeps the keys that sign them.
package rotation

import (
	"context"
	"errors"
	"time"

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

// Options are the settings of [Sessions]. The zero value is safe but for
// Issuer, which is required.
type Options struct {
	Issuer   string   // iss of every token
	Audience []string // aud of access tokens; default "rescind"
	Style    Style

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

	MaxAccessLifetime  time.Duration // default 24 h
	MaxRefreshLifetime time.Duration // default 90 d

	Now func() time.Time // default time.Now
}

// Errors of exchanges. Beside them an exchange returns the verifier's, and
// denylist.ErrReused, ErrExpired, ErrRevoked and ErrUnavailable.
var (
	// ErrTooOften: the chain has used up its rotations (R13).
	ErrTooOften = errors.New("rotation: exchanged too often")
	// ErrNotExchangeable: an access token of a pair, or a token that belongs
	// to another client.
	ErrNotExchangeable = errors.New("rotation: token cannot be exchanged")
)

// Sessions issues and exchanges the tokens of one issuer. It is safe for
// concurrent use.
type Sessions struct{}

// New returns the sessions of opts.Issuer, signed with ring's keys.
func New(ring *KeyRing, store Store, opts Options) (*Sessions, error) { panic("skeleton") }

// Login is who logged in, and when.
type Login struct {
	At       time.Time // from Sessions.Now, read before the credentials were looked at (R6)
	Subject  string    // an id, never a login name
	Scope    []string
	ClientID string
}

// Tokens is the answer to a login or an exchange.
type Tokens struct {
	Session          string // sid
	Access           string
	AccessID         string // its jti
	AccessExpiresAt  time.Time
	Refresh          string // empty in single style
	RefreshID        string
	RefreshExpiresAt time.Time
	IssuedAt         time.Time
	SessionExpiresAt time.Time
	Scope            []string
	Replayed         bool // the same successor as an earlier answer
}

// Now is the clock that logins are stamped with: Redis's (R6).
func (s *Sessions) Now(ctx context.Context) (time.Time, error) { panic("skeleton") }

// Login begins a session.
func (s *Sessions) Login(ctx context.Context, l Login) (Tokens, error) { panic("skeleton") }

// Attempt is how a token is exchanged.
type Attempt struct {
	IdempotencyKey string // at most 256 bytes; empty: none
	ClientID       string // of the authenticated client; empty: none
}

// Exchange exchanges a refresh token, or a renewable one, for its successor
// (R7 to R13). A replay ends the session before ErrReused is returned.
func (s *Sessions) Exchange(ctx context.Context, raw string, a Attempt) (Tokens, error) {
	panic("skeleton")
}

// Logout revokes the session of any of its tokens, expired or spent ones too.
func (s *Sessions) Logout(ctx context.Context, raw string) error { panic("skeleton") }

// LogoutAll revokes every session of the token's subject that has begun.
func (s *Sessions) LogoutAll(ctx context.Context, raw string) error { panic("skeleton") }

// Issuer is how a verifier trusts this issuer's access tokens.
func (s *Sessions) Issuer() verifier.Issuer { panic("skeleton") }

// Recognize returns the claims of any token of this issuer, access or refresh,
// expired or not, without asking the denylist: for revoking it.
func (s *Sessions) Recognize(ctx context.Context, raw string) (verifier.Claims, error) {
	panic("skeleton")
}
