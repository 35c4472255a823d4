package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
	// was granted (RFC 6749, section 6): none of it given is all of it. A single
	// token has no other record of what was granted, so that it is narrowed for
	// good. A retry has the successor on record, whatever it asks for here.
	Scope []string
}

// Exchange exchanges a refresh token, or a renewable one, for its successor
// (R7 to R13). A replay ends the session before ErrReused is returned. What is
// too old is verifier.ErrExpired by our clock, denylist.ErrExpired by the
// store's or where the session is over.
func (s *Sessions) Exchange(ctx context.Context, raw string, a Attempt) (Tokens, error) {
	claims, tokens, err := s.exchangeOnce(ctx, raw, a, 0)
	if errors.Is(err, denylist.ErrReused) {
		return Tokens{}, s.endReplayed(ctx, claims, err)
	}
	return tokens, err
}

// exchangeOnce is Exchange, but leaves a replayed session alone. The successor
// is renewed for marks up to an instant.
func (s *Sessions) exchangeOnce(ctx context.Context, raw string, a Attempt, marked int64) (verifier.Claims, Tokens, error) {
	if err := a.validate(); err != nil {
		return verifier.Claims{}, Tokens{}, err
	}
	// Read first: whatever takes long from here on can only cost the successor
	// its life, not lengthen it (R8).
	now := s.opts.Now()
	claims, err := s.exchange.Authenticate(ctx, raw)
	if err != nil {
		return verifier.Claims{}, Tokens{}, err
	}
	old, err := s.exchangeable(claims, a)
	if err != nil {
		return claims, Tokens{}, err
	}
	old.marked = max(old.marked, marked)
	tokens, err := s.succeed(ctx, old, a, now)
	if err != nil {
		return claims, Tokens{}, err
	}
	// Its key may have been withdrawn meanwhile. What a thief has signed with it
	// must not become what the next key has signed.
	if _, err := s.ring.Key(ctx, claims.KeyID()); err != nil {
		return claims, Tokens{}, err
	}
	return claims, tokens, nil
}

// succeed fixes, signs and spends, in this order (R8).
func (s *Sessions) succeed(ctx context.Context, old presented, a Attempt, now time.Time) (Tokens, error) {
	asked, err := narrow(old.scope, a.Scope)
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
	m.scope, m.marked = asked, old.marked
	if m, err = s.freshen(ctx, next, m, a.Scope, old.version); err != nil {
		return Tokens{}, err
	}
	// Signed before it is spent: a key that cannot sign costs nobody a token.
	tokens, err := s.sign(next, m)
	if err != nil {
		return Tokens{}, err
	}
	spent, err := s.spend(ctx, old, m, a.IdempotencyKey, s.denies(old, now))
	if err != nil {
		return Tokens{}, err
	}
	if !spent.Replayed {
		return tokens, nil
	}
	return s.signAgain(next, m.extra, spent.Successor)
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
	version      int64     // of its claims
	marked       int64     // see mint
}

// own is what our tokens say beyond what every token may.
type own struct {
	Scope        string       `json:"scope"`
	Grant        string       `json:"grant"`
	AccessExpiry int64        `json:"access_exp"`
	Version      int64        `json:"cv"`
	Marked       int64        `json:"mark_ms"`
	Confirmation confirmation `json:"cnf"`
}

// exchangeable reads a genuine token as one that may be exchanged (R8).
func (s *Sessions) exchangeable(c verifier.Claims, a Attempt) (presented, error) {
	p := presented{token: c.Token()}
	read := s.readRenewable
	if c.Type() == refreshType {
		read = s.readRefresh
	}
	if err := read(c, &p); err != nil {
		return presented{}, err
	}
	if c.ClientID() != a.ClientID {
		return presented{}, fmt.Errorf("%w: another client's", ErrNotExchangeable)
	}
	var err error
	p.session, err = uuid.Parse(c.Session())
	if err != nil || p.session.String() != c.Session() || c.SessionExpiresAt().IsZero() || c.Rotation() < 0 || c.Subject() == "" {
		return presented{}, fmt.Errorf("%w: it belongs to no session", ErrNotExchangeable)
	}
	// Login makes none of those. One that was made with a leaked key would leave
	// descendants that outlive both the key and every cutoff.
	if c.Login().After(s.opts.Now().Add(denylist.MaxLeeway)) {
		return presented{}, fmt.Errorf("%w: its login is in the future", ErrNotExchangeable)
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
	said, err := p.read(c)
	if err != nil {
		return err
	}
	p.style, p.scope, p.accessExpiry = Pair, said.Grant, time.Unix(said.AccessExpiry, 0)
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
	said, err := p.read(c)
	if err != nil {
		return err
	}
	p.style, p.scope = Single, said.Scope
	return nil
}

// read takes over what tokens of both styles say.
func (p *presented) read(c verifier.Claims) (own, error) {
	var said own
	if err := c.Decode(&said); err != nil {
		return own{}, fmt.Errorf("%w: its claims are unreadable", ErrNotExchangeable)
	}
	p.version, p.marked, p.lock = said.Version, said.Marked, said.Confirmation.Cookie
	return said, nil
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
		Note:      encodeNote(m, old.scope),
	}
	how := denylist.Exchange{
		Window: s.opts.ReplayWindow, Overlap: s.opts.VerifyOverlap, Denies: denies, Keep: s.keepChain(m, old.style),
	}
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
func (s *Sessions) signAgain(next descent, extra jsontext.Value, on denylist.Successor) (Tokens, error) {
	m, err := mintOf(on, next)
	if err != nil {
		return Tokens{}, err
	}
	if _, err := narrow(next.scope, strings.Fields(m.scope)); err != nil && s.opts.Claims == nil {
		// Only an application gives more than was granted, never a store.
		return Tokens{}, fmt.Errorf("rotation: successor on record has more scope than was granted: %w", denylist.ErrUnavailable)
	}
	m.extra = extra
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
