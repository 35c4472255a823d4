package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

const (
	// freeRotations is how many exchanges a chain may make beside those that
	// its age gives it (R13).
	freeRotations = 20
	// A write whose outcome is not known is repeated so often, and for so long
	// beyond its own deadline. A repeated attempt finds itself the winner.
	retries  = 2
	retryFor = 500 * time.Millisecond
	// replayTimeout is how long revoking a replayed session may take.
	replayTimeout = 5 * time.Second
	// maxIdempotencyKey is in bytes.
	maxIdempotencyKey = 256
)

// Attempt is how a token is exchanged.
type Attempt struct {
	IdempotencyKey string // at most 256 bytes of printable ASCII; empty: none
	ClientID       string // of the authenticated client; empty: none
	// Scope is what the successor's access token is to have of the scope that
	// was granted (RFC 6749, section 6): none of it given is all of it.
	Scope []string
}

// Exchange exchanges a refresh token, or a renewable one, for its successor
// (R7 to R13). A replay ends the session before ErrReused is returned. What is
// too old is verifier.ErrExpired by our clock, denylist.ErrExpired by the
// store's or where the session is over.
func (s *Sessions) Exchange(ctx context.Context, raw string, a Attempt) (Tokens, error) {
	if err := a.validate(); err != nil {
		return Tokens{}, err
	}
	// Read first: whatever takes long from here on can only cost the successor
	// its life, not lengthen it (R8).
	now := s.opts.Now()
	claims, err := s.exchange.Authenticate(ctx, raw)
	if err != nil {
		return Tokens{}, err
	}
	old, err := s.exchangeable(claims, a)
	if err != nil {
		return Tokens{}, err
	}
	next := old.descent
	next.rotation++
	if s.tooOften(next, now) {
		return Tokens{}, ErrTooOften
	}
	m, err := s.schedule(next, now)
	if err != nil {
		return Tokens{}, err
	}
	// Signed before it is spent: a key that cannot sign costs nobody a token.
	tokens, err := s.sign(next, m)
	if err != nil {
		return Tokens{}, err
	}
	spent, err := s.spend(ctx, old, m, a.IdempotencyKey, s.denies(old, now))
	switch {
	case errors.Is(err, denylist.ErrReused):
		return Tokens{}, s.endReplayed(ctx, claims, err)
	case err != nil:
		return Tokens{}, err
	case !spent.Replayed:
		return tokens, nil
	}
	return s.signAgain(next, spent.Successor)
}

func (a Attempt) validate() error {
	key := []byte(a.IdempotencyKey)
	if len(key) > maxIdempotencyKey || slices.ContainsFunc(key, func(c byte) bool { return c < ' ' || c > '~' }) {
		return fmt.Errorf("%w: idempotency key: want 1 to %d bytes of printable ASCII", ErrInvalid, maxIdempotencyKey)
	}
	return nil
}

// presented is a token that may be exchanged.
type presented struct {
	descent
	token        denylist.Token
	accessExpiry time.Time // of a pair's access token
}

// exchangeable reads a genuine token as one that may be exchanged (R8).
func (s *Sessions) exchangeable(c verifier.Claims, a Attempt) (presented, error) {
	p := presented{token: c.Token()}
	var err error
	if c.Type() == refreshType {
		err = s.readRefresh(c, &p)
	} else {
		err = s.readRenewable(c, &p)
	}
	if err != nil {
		return presented{}, err
	}
	if c.ClientID() != a.ClientID {
		return presented{}, fmt.Errorf("%w: another client's", ErrNotExchangeable)
	}
	p.session, err = uuid.Parse(c.Session())
	if err != nil || p.session.String() != c.Session() || c.SessionExpiresAt().IsZero() || c.Rotation() < 0 || c.Subject() == "" {
		return presented{}, fmt.Errorf("%w: it belongs to no session", ErrNotExchangeable)
	}
	p.subject, p.clientID = c.Subject(), c.ClientID()
	p.login, p.sessionEnd, p.rotation = c.Login(), c.SessionExpiresAt(), c.Rotation()
	return p, nil
}

func (s *Sessions) readRefresh(c verifier.Claims, p *presented) error {
	if !slices.Contains(c.Audience(), s.opts.Issuer) {
		return verifier.ErrAudience
	}
	if c.ExpiresAt().Sub(c.IssuedAt()) > s.opts.MaxRefreshLifetime {
		return verifier.ErrLifetime
	}
	var own struct {
		Grant        string `json:"grant"`
		AccessExpiry int64  `json:"access_exp"`
	}
	if err := c.Decode(&own); err != nil {
		return fmt.Errorf("%w: its grant is unreadable", ErrNotExchangeable)
	}
	p.style, p.scope, p.accessExpiry = Pair, own.Grant, time.Unix(own.AccessExpiry, 0)
	return nil
}

func (s *Sessions) readRenewable(c verifier.Claims, p *presented) error {
	if !c.Renewable() {
		return fmt.Errorf("%w: it is an access token", ErrNotExchangeable)
	}
	if s.partitioned {
		return fmt.Errorf("%w: the store has partitions", ErrNotExchangeable)
	}
	if !slices.ContainsFunc(c.Audience(), func(aud string) bool { return slices.Contains(s.opts.Audience, aud) }) {
		return verifier.ErrAudience
	}
	if c.ExpiresAt().Sub(c.IssuedAt()) > s.opts.MaxAccessLifetime {
		return verifier.ErrLifetime
	}
	var own struct {
		Scope string `json:"scope"`
	}
	if err := c.Decode(&own); err != nil {
		return fmt.Errorf("%w: its scope is unreadable", ErrNotExchangeable)
	}
	p.style, p.scope = Single, own.Scope
	return nil
}

// tooOften is R13's bound, of which a retry of an allowed exchange is never
// beyond.
func (s *Sessions) tooOften(next descent, now time.Time) bool {
	if s.opts.RotateEvery < 0 {
		return false
	}
	age := max(0, now.Sub(next.login))
	return next.rotation > freeRotations+int64(age/s.opts.RotateEvery)
}

// spend asks the store to let this attempt win, and asks again with the same
// attempt where the answer was lost.
func (s *Sessions) spend(ctx context.Context, old presented, m mint, key string, denies []denylist.Entry) (denylist.Spent, error) {
	successor := denylist.Successor{
		ID:        m.id,
		IssuedAt:  m.issuedAt,
		ExpiresAt: m.spendable(old.style),
		Key:       key,
		Note:      encodeNote(m),
	}
	how := denylist.Exchange{Window: s.opts.ReplayWindow, Overlap: s.opts.VerifyOverlap, Denies: denies}
	var spent denylist.Spent
	err := untilKnown(ctx, func(ctx context.Context) (err error) {
		spent, err = s.store.Spend(ctx, old.token, successor, how)
		return err
	})
	return spent, err
}

// denies is what verifiers can still meet of the old generation (R8).
func (s *Sessions) denies(old presented, now time.Time) []denylist.Entry {
	entry := denylist.Entry{Scope: denylist.ScopeToken, Issuer: s.opts.Issuer, Rotated: &denylist.Rotated{}}
	switch {
	case old.style == Single:
		entry.ID, entry.Until = old.token.ID, old.token.ExpiresAt
	case !s.opts.KeepOldAccess && now.Before(old.accessExpiry):
		entry.ID, entry.Until = accessID(old.session, old.token.ID), old.accessExpiry
	default:
		return nil
	}
	return []denylist.Entry{entry}
}

// signAgain signs the successor on record (R11), whatever the settings are by
// now and whichever key signs.
func (s *Sessions) signAgain(next descent, on denylist.Successor) (Tokens, error) {
	m, err := mintOf(on, next)
	if err != nil {
		return Tokens{}, err
	}
	tokens, err := s.sign(next, m)
	if err != nil {
		return Tokens{}, err
	}
	tokens.Replayed = true
	return tokens, nil
}

// endReplayed revokes the session of a token that was presented again (R11).
// The caller hears of the replay only when the session is dead, and cannot
// keep it alive by hanging up.
func (s *Sessions) endReplayed(ctx context.Context, c verifier.Claims, replay error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replayTimeout)
	defer cancel()
	if err := s.revoke(ctx, s.sessionEntry(c).WithReason("replay")); err != nil {
		return fmt.Errorf("rotation: a replayed session is not revoked yet: %w", cannotTell(err))
	}
	return replay
}

// cannotTell makes sure that nobody takes a failed write for a refusal (R14).
func cannotTell(err error) error {
	if errors.Is(err, denylist.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
}

// untilKnown repeats a write whose outcome is not known: once its reply is
// lost, only the store can say what it did.
func untilKnown(ctx context.Context, write func(context.Context) error) error {
	err := write(ctx)
	if !errors.Is(err, denylist.ErrUnknown) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for range retries {
		if ctx.Err() != nil {
			return err
		}
		if err = write(ctx); !errors.Is(err, denylist.ErrUnknown) {
			return err
		}
	}
	return err
}
