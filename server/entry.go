package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// entryBody is an entry in JSON.
type entryBody struct {
	Scope     denylist.Scope `json:"scope"`
	Issuer    string         `json:"issuer,omitempty"`
	ID        string         `json:"id,omitempty"`     // of an issuer's entry: none
	Digest    string         `json:"digest,omitempty"` // in place of both, where neither is known
	Revoked   *revokedBody   `json:"revoked,omitempty"`
	Rotated   *rotatedBody   `json:"rotated,omitempty"`
	ExpiresAt instant        `json:"expires_at,omitzero"`
}

type revokedBody struct {
	At     instant `json:"at,omitzero"`
	Reason string  `json:"reason,omitempty"`
	Cutoff instant `json:"cutoff,omitzero"`
}

type rotatedBody struct {
	At            instant `json:"at"`
	EffectiveFrom instant `json:"effective_from"`
}

func showEntry(e denylist.Entry) entryBody {
	body := entryBody{Scope: e.Scope, Issuer: e.Issuer, ID: e.ID, Digest: e.Digest, ExpiresAt: instant(e.ExpiresAt)}
	if r := e.Revoked; r != nil {
		body.Revoked = &revokedBody{At: instant(r.At), Reason: r.Reason, Cutoff: instant(r.Cutoff)}
	}
	if r := e.Rotated; r != nil {
		body.Rotated = &rotatedBody{At: instant(r.At), EffectiveFrom: instant(r.EffectiveFrom)}
	}
	return body
}

// entryName is what an entry goes by.
type entryName struct {
	scope      denylist.Scope
	issuer, id string
}

func parseScope(name string) (denylist.Scope, error) {
	scope, err := denylist.ParseScope(name)
	if err != nil {
		return 0, badRequest("The scope must be token, session, subject or issuer.")
	}
	return scope, nil
}

// nameEntry reads an entry's name. The issuer is ours where it is not named.
// What an issuer's entry denies may be named by either.
func (s *Server) nameEntry(scope, issuer, id string) (entryName, error) {
	parsed, err := parseScope(scope)
	if err != nil {
		return entryName{}, err
	}
	if parsed == denylist.ScopeIssuer {
		if issuer != "" && id != "" && issuer != id {
			return entryName{}, badRequest("The id of an issuer's entry is the issuer.")
		}
		issuer, id = cmp.Or(issuer, id), ""
	}
	if issuer == "" {
		issuer = s.issuer
	}
	return entryName{parsed, issuer, id}, nil
}

// digest is what names the entry in Redis (docs/redis-schema.md), and in logs,
// where the id itself might be somebody's name.
func (n entryName) digest() string {
	issuer := sha256.Sum256([]byte(n.issuer))
	sum := sha256.Sum256(append(issuer[:], n.id...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// instantOf reads RFC 3339; an absent one is the zero time.
func instantOf(text *string) (time.Time, error) {
	if text == nil {
		return time.Time{}, nil
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(*text)); err != nil || t.IsZero() {
		return time.Time{}, badRequest("An instant must be as in 2026-01-02T03:04:05.678Z.")
	}
	return t, nil
}
