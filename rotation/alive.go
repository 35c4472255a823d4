package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Alive returns the claims of a token of this issuer that would be accepted at
// this moment: an access token by a check, a refresh token by its chain, where
// a spent one is ErrReused (R11). The store itself is asked, not a mirror of
// it, and nothing is written. No leeway is given on exp. Its errors are the
// verifier's and the denylist's, and ErrNotExchangeable of a refresh token that
// belongs to no session.
func (s *Sessions) Alive(ctx context.Context, raw string) (verifier.Claims, error) {
	claims, err := s.exchange.Authenticate(ctx, raw)
	if err != nil {
		return verifier.Claims{}, err
	}
	if claims.Type() == refreshType {
		err = s.spendable(ctx, claims)
	} else {
		err = s.acceptable(ctx, claims)
	}
	switch {
	case err != nil:
		return verifier.Claims{}, err
	case !s.opts.Now().Before(claims.ExpiresAt()): // while the store was asked
		return verifier.Claims{}, verifier.ErrExpired
	}
	return claims, nil
}

// spendable asks whether an exchange would take a refresh token.
func (s *Sessions) spendable(ctx context.Context, c verifier.Claims) error {
	p, err := s.exchangeable(c, Attempt{ClientID: c.ClientID()})
	if err != nil {
		return err
	}
	return s.store.Spendable(ctx, p.token)
}

// acceptable asks whether a verifier of this issuer's would accept an access
// token.
func (s *Sessions) acceptable(ctx context.Context, c verifier.Claims) error {
	ours := func(aud string) bool { return slices.Contains(s.opts.Audience, aud) }
	switch {
	case !slices.ContainsFunc(c.Audience(), ours):
		return verifier.ErrAudience
	case c.ExpiresAt().Sub(c.IssuedAt()) > s.opts.MaxAccessLifetime:
		return verifier.ErrLifetime
	}
	if err := s.store.Check(ctx, c.Token()); err != nil {
		return err
	}
	// A mirror may be as old as max-staleness. It is asked first all the same:
	// it knows what a Redis that forgot no longer does (R18).
	if mirror, ok := s.store.(*denylist.Mirror); ok {
		return mirror.Redis.Check(ctx, c.Token())
	}
	return nil
}

// Revoke makes a token dead that a client gives back (RFC 7009): an access
// token alone, and with a refresh token, or a renewable one, its session, also
// where it has been spent. clientID is who asks, empty for nobody in
// particular; another's token is ErrNotExchangeable. A token that is not ours
// is the verifier's error. Of one that has expired nothing is written, and
// that is success.
func (s *Sessions) Revoke(ctx context.Context, raw, clientID string) error {
	claims, err := s.Recognize(ctx, raw)
	if err != nil {
		return err
	}
	over, err := s.hasExpired(ctx, claims)
	switch {
	case err != nil:
		return err
	case over:
		return nil
	case claims.ClientID() != clientID:
		return fmt.Errorf("%w: another client's", ErrNotExchangeable)
	}
	entry := denylist.TokenEntry(s.opts.Issuer, claims.ID(), claims.ExpiresAt())
	if claims.Type() == refreshType || claims.Renewable() {
		entry = s.sessionEntry(claims)
	}
	err = s.revoke(ctx, entry.WithReason("revoked by its holder"))
	if err != nil && !errors.Is(err, denylist.ErrUnavailable) {
		return cannotTell(err) // what was not written is never "dead" (R14)
	}
	return err
}

// hasExpired reports whether nobody accepts a token any more: an access token
// by the verifiers' leeway, a refresh token by both clocks that judge an
// exchange (R7).
func (s *Sessions) hasExpired(ctx context.Context, c verifier.Claims) (bool, error) {
	end := c.ExpiresAt()
	if c.Type() != refreshType {
		end = end.Add(s.opts.Leeway)
	}
	now := s.opts.Now()
	if now.Before(end) {
		return false, nil
	}
	if now.Sub(end) > denylist.MaxLeeway {
		return true, nil // no clock that a fleet may have is that far behind
	}
	stored, err := s.store.Now(ctx)
	return !stored.Before(end), err
}
