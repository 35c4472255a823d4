package rotation

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// descent is what every token of a session has in common with the next: who
// it is, what was granted at login, and where in the chain.
type descent struct {
	style      Style
	session    uuid.UUID
	subject    string
	clientID   string
	scope      string // granted at login, separated by spaces; of a single token, what it has
	lock       string // of the cookie that access tokens are bound to; empty: none
	login      time.Time
	sessionEnd time.Time
	rotation   int64
}

// mint is what sets one generation of tokens apart: fixed before anything is
// signed or spent, and on record afterwards.
type mint struct {
	id            string // the jti that the chain knows: a refresh token's, or a single token's
	issuedAt      time.Time
	accessExpiry  time.Time
	refreshExpiry time.Time // of single style: zero

	scope   string // of the access token
	version int64  // of the claims
	marked  int64  // the latest mark that it was renewed for, in ms of the store's clock
	// extra is the application's claims. It is on no record: who signs again
	// asks again.
	extra jsontext.Value
}

// spendable is the exp of the token that the chain knows.
func (m mint) spendable(style Style) time.Time {
	if style == Single {
		return m.accessExpiry
	}
	return m.refreshExpiry
}

// schedule fixes a fresh jti and the times of the next generation. No token
// outlives its session; where a full second is not left of that, the session
// is over.
func (s *Sessions) schedule(d descent, now time.Time) (mint, error) {
	if d.sessionEnd.Sub(now) < time.Second {
		return mint{}, fmt.Errorf("rotation: session is over: %w", denylist.ErrExpired)
	}
	issued := now.Truncate(time.Second)
	expiry := func(ttl time.Duration) time.Time {
		exp := issued.Add(ttl)
		// exp and iat are whole seconds: what lives one second would on
		// average live half of it.
		if exp.Sub(now) < time.Second {
			exp = exp.Add(time.Second)
		}
		if exp.After(d.sessionEnd) {
			exp = d.sessionEnd
		}
		return exp
	}
	m := mint{
		id: uuid.NewString(), issuedAt: issued, accessExpiry: expiry(s.opts.AccessTTL),
		scope: d.scope, version: s.opts.ClaimsVersion,
	}
	if d.style == Pair {
		m.refreshExpiry = expiry(s.opts.RefreshTTL)
	}
	return m, nil
}

// accessID is the jti of the access token of a pair: who holds the refresh
// token knows it, and nothing has to be kept.
func accessID(session uuid.UUID, refreshID string) string {
	return uuid.NewSHA1(session, []byte(refreshID)).String()
}

// lineage is the claims that all our tokens have (R9).
type lineage struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Audience   any    `json:"aud"`
	ClientID   string `json:"client_id,omitzero"`
	IssuedAt   int64  `json:"iat"`
	ExpiresAt  int64  `json:"exp"`
	ID         string `json:"jti"`
	Session    string `json:"sid"`
	Rotation   int64  `json:"rot"`
	AuthTime   int64  `json:"auth_time"`
	AuthMillis int64  `json:"auth_ms"`
	SessionEnd int64  `json:"session_exp"`
	Version    int64  `json:"cv,omitzero"`

	Confirmation confirmation `json:"cnf,omitzero"`
}

// confirmation is what a token is bound to (RFC 7800): see verifier.CookieLock.
type confirmation struct {
	Cookie string `json:"cookie#S256,omitzero"`
}

type accessClaims struct {
	lineage
	Scope     string         `json:"scope,omitzero"`
	Renewable bool           `json:"renewable,omitzero"`
	Marked    int64          `json:"mark_ms,omitzero"`
	Extra     jsontext.Value `json:",embed"`
}

type refreshClaims struct {
	lineage
	Grant        string `json:"grant,omitzero"`
	AccessExpiry int64  `json:"access_exp"`
}

func (s *Sessions) lineage(d descent, m mint) lineage {
	return lineage{
		Issuer:     s.opts.Issuer,
		Subject:    d.subject,
		ClientID:   d.clientID,
		IssuedAt:   m.issuedAt.Unix(),
		Session:    d.session.String(),
		Rotation:   d.rotation,
		AuthTime:   floorSeconds(d.login),
		AuthMillis: d.login.UnixMilli(),
		SessionEnd: d.sessionEnd.Unix(),
		Version:    m.version,

		Confirmation: confirmation{Cookie: d.lock},
	}
}

// floorSeconds is auth_time: what auth_ms is when its milliseconds are cut off.
func floorSeconds(t time.Time) int64 { return t.Truncate(time.Second).Unix() }

// sign makes the tokens of one generation. The same descent and mint give the
// same claims, whenever and on whichever node they are signed (R11); what the
// application adds may be newer.
func (s *Sessions) sign(d descent, m mint) (Tokens, error) {
	t := Tokens{
		Session:          d.session.String(),
		AccessID:         m.id,
		AccessExpiresAt:  m.accessExpiry,
		IssuedAt:         m.issuedAt,
		SessionExpiresAt: d.sessionEnd,
		Scope:            strings.Fields(m.scope),
	}
	if d.style == Pair {
		refresh := refreshClaims{lineage: s.lineage(d, m), Grant: d.scope, AccessExpiry: m.accessExpiry.Unix()}
		refresh.ID, refresh.Audience, refresh.ExpiresAt = m.id, s.opts.Issuer, m.refreshExpiry.Unix()
		var err error
		if t.Refresh, err = s.signClaims(refreshType, refresh); err != nil {
			return Tokens{}, err
		}
		t.RefreshID, t.RefreshExpiresAt = m.id, m.refreshExpiry
		t.AccessID = accessID(d.session, m.id)
	}
	access := accessClaims{lineage: s.lineage(d, m), Scope: m.scope, Renewable: d.style == Single, Marked: m.marked, Extra: m.extra}
	access.ID, access.Audience, access.ExpiresAt = t.AccessID, oneOrMany(s.opts.Audience), m.accessExpiry.Unix()
	var err error
	t.Access, err = s.signClaims(accessType, access)
	if err != nil {
		return Tokens{}, err
	}
	return t, nil
}

func (s *Sessions) signClaims(typ string, claims any) (string, error) {
	data, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("rotation: writing claims: %w", err)
	}
	raw, err := s.ring.Sign(typ, data)
	if err == nil && len(raw) > verifier.MaxTokenSize {
		// Found out before anything is spent for it.
		return "", fmt.Errorf("%w: claims make a token of %d bytes, which nobody would read", ErrInvalid, len(raw))
	}
	return raw, err
}

// oneOrMany is aud: a string where there is only one (RFC 7519, section 4.1.3).
func oneOrMany(audience []string) any {
	if len(audience) == 1 {
		return audience[0]
	}
	return audience
}
