package rotation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ClientLogin is a client that asks for a token of its own.
type ClientLogin struct {
	At       time.Time // from Sessions.Now, read before the credentials were looked at (R6)
	ClientID string
	Scope    []string
}

// clientClaims are the claims of a client's own token: it has no session, and
// what revokes it is its jti, or an entry of its subject, the client.
type clientClaims struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Audience   any    `json:"aud"`
	ClientID   string `json:"client_id"`
	IssuedAt   int64  `json:"iat"`
	ExpiresAt  int64  `json:"exp"`
	ID         string `json:"jti"`
	AuthTime   int64  `json:"auth_time"`
	AuthMillis int64  `json:"auth_ms"`
	Scope      string `json:"scope,omitzero"`
}

// ClientToken issues an access token to a client in its own name (RFC 6749,
// section 4.4). It lives for AccessTTL and cannot be exchanged: whoever has the
// client's secret can have another. As Login it asks no store.
func (s *Sessions) ClientToken(_ context.Context, l ClientLogin) (Tokens, error) {
	now := s.opts.Now()
	if l.ClientID == "" {
		return Tokens{}, fmt.Errorf("%w: a client's login without the client", ErrInvalid)
	}
	if err := (Login{At: l.At, Subject: l.ClientID, Scope: l.Scope}).validate(now); err != nil {
		return Tokens{}, err
	}
	at := l.At.Truncate(time.Millisecond)
	issued := now.Truncate(time.Second)
	expires := issued.Add(s.opts.AccessTTL)
	if expires.Sub(now) < time.Second { // exp and iat are whole seconds
		expires = expires.Add(time.Second)
	}
	claims := clientClaims{
		Issuer:     s.opts.Issuer,
		Subject:    l.ClientID,
		Audience:   oneOrMany(s.opts.Audience),
		ClientID:   l.ClientID,
		IssuedAt:   issued.Unix(),
		ExpiresAt:  expires.Unix(),
		ID:         uuid.NewString(),
		AuthTime:   floorSeconds(at),
		AuthMillis: at.UnixMilli(),
		Scope:      strings.Join(l.Scope, " "),
	}
	raw, err := s.signClaims(accessType, claims)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{
		Access: raw, AccessID: claims.ID, AccessExpiresAt: expires,
		IssuedAt: issued, Scope: append([]string(nil), l.Scope...),
	}, nil
}
