package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rescindhq/rescind/denylist"
)

// maxScope is the most bytes of a scope: a token has to stay under the 8 KiB
// that a verifier reads.
const maxScope = 1 << 10

// Login is who logged in, and when.
type Login struct {
	At       time.Time // from Sessions.Now, read before the credentials were looked at (R6)
	Subject  string    // an id, never a login name
	Scope    []string
	ClientID string
	// Lock binds the session's access tokens to a cookie: what
	// verifier.CookieLock.New returned. Empty: they are bound to none.
	Lock string
	// Label is what the session is called in the inventory, such as a device's
	// name: at most denylist.MaxLabel bytes of printable text. It is kept in the
	// store until the session's end, and is in no token.
	Label string
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
	Scope            []string // of the access token
	Replayed         bool     // the same successor as an earlier answer
}

// Login begins a session. It asks no store: a revocation that races with it
// catches the session by its login instant (R9). Where there is an inventory,
// it makes one write there.
func (s *Sessions) Login(ctx context.Context, l Login) (Tokens, error) {
	now := s.opts.Now()
	if err := l.validate(now); err != nil {
		return Tokens{}, err
	}
	at := l.At.Truncate(time.Millisecond)
	d := descent{
		style:      s.opts.Style,
		session:    uuid.New(),
		subject:    l.Subject,
		clientID:   l.ClientID,
		scope:      strings.Join(l.Scope, " "),
		lock:       l.Lock,
		login:      at,
		sessionEnd: at.Add(s.opts.SessionTTL).Truncate(time.Second),
	}
	m, err := s.schedule(d, now)
	if err != nil {
		return Tokens{}, err
	}
	if m, err = s.freshen(ctx, d, m, nil, 0); err != nil {
		return Tokens{}, err
	}
	tokens, err := s.sign(d, m)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.enlist(ctx, d, l.Label, tokens); err != nil {
		return Tokens{}, err
	}
	return tokens, nil
}

func (l Login) validate(now time.Time) error {
	if l.At.IsZero() {
		return fmt.Errorf("%w: login without its instant", ErrInvalid)
	}
	// A login from the future would outlive cutoffs.
	if l.At.After(now.Add(denylist.MaxLeeway)) {
		return fmt.Errorf("%w: login %v ahead", ErrInvalid, l.At.Sub(now).Round(time.Second))
	}
	if err := checkID("subject", l.Subject); err != nil {
		return err
	}
	if lock, err := base64.RawURLEncoding.Strict().DecodeString(l.Lock); l.Lock != "" && (err != nil || len(lock) != sha256.Size) {
		return fmt.Errorf("%w: lock is not what verifier.CookieLock.New returns", ErrInvalid)
	}
	if !denylist.ValidLabel(l.Label) {
		return fmt.Errorf("%w: label: want at most %d bytes of printable text", ErrInvalid, denylist.MaxLabel)
	}
	if l.ClientID != "" {
		if err := checkID("client id", l.ClientID); err != nil {
			return err
		}
	}
	size := 0
	for _, scope := range l.Scope {
		if !isScopeToken(scope) {
			return fmt.Errorf("%w: scope %.40q", ErrInvalid, scope)
		}
		size += len(scope) + 1
	}
	if size > maxScope {
		return fmt.Errorf("%w: scope of %d bytes: want at most %d", ErrInvalid, size, maxScope)
	}
	return nil
}

// isScopeToken: RFC 6749, section 3.3.
func isScopeToken(scope string) bool {
	return scope != "" && !slices.ContainsFunc([]byte(scope), func(c byte) bool {
		return c <= ' ' || c > '~' || c == '"' || c == '\\'
	})
}
