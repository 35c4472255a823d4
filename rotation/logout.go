package rotation

import (
	"context"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Logout revokes the session of any of its tokens, expired or spent ones too.
// Of a session that has ended nothing is written, and that is success.
func (s *Sessions) Logout(ctx context.Context, raw string) error {
	claims, err := s.Recognize(ctx, raw)
	if err != nil {
		return err
	}
	return s.revoke(ctx, s.sessionEntry(claims).WithReason("logout"))
}

// LogoutAll revokes every session of the token's subject that has begun. Of a
// client's own token it revokes that token alone: there are no sessions, and an
// entry of the client would end its keys too, which is for the operator.
func (s *Sessions) LogoutAll(ctx context.Context, raw string) error {
	claims, err := s.Recognize(ctx, raw)
	if err != nil {
		return err
	}
	if claims.Subject() == "" {
		return fmt.Errorf("%w: the token has no subject", ErrInvalid)
	}
	if claims.Session() == "" {
		return s.revoke(ctx, s.sessionEntry(claims).WithReason("logout-all"))
	}
	// No cutoff: the store's now, read inside the write (R6).
	entry := denylist.SubjectEntry(s.opts.Issuer, claims.Subject(), time.Time{}).WithReason("logout-all")
	// Tokens that were issued before a TTL was lowered die as well (R5).
	entry.Lifetime = s.opts.longestLifetime()
	return s.revoke(ctx, entry)
}

// sessionEntry is the session of a token; of one without a session (a
// client's), the token alone.
func (s *Sessions) sessionEntry(c verifier.Claims) denylist.Entry {
	if c.Session() == "" {
		return denylist.TokenEntry(s.opts.Issuer, c.ID(), c.ExpiresAt())
	}
	return denylist.SessionEntry(s.opts.Issuer, c.Session(), c.SessionExpiresAt())
}

func (s *Sessions) revoke(ctx context.Context, entries ...denylist.Entry) error {
	return untilKnown(ctx, func(ctx context.Context) error {
		_, err := s.store.Revoke(ctx, entries...)
		return err
	})
}
