package verifier

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rescindhq/rescind/denylist"
)

// Claims are what a verified token says. They are a small immutable value, so
// that a cache may hand the same claims to everybody. The zero Claims says
// nothing and has no scope.
type Claims struct{ c *claims }

// claims are the claims of one token. Its strings are parts of payload. Once
// they are shown to anybody they are never written to: a cache shares them.
type claims struct {
	token denylist.Prepared // iss, jti, sid, sub, exp, login, rot

	payload  string // the decoded JSON
	clientID string

	audience, scope value // a string, or an array of strings

	issuedAt, notBefore, sessionExpiresAt time.Time

	renewable bool

	typ, keyID string
}

// nothing is what the zero Claims says. It is never written to.
var nothing claims

func (c *claims) expiresAt() time.Time { return c.token.Token().ExpiresAt }

func (c Claims) said() *claims {
	if c.c == nil {
		return &nothing
	}
	return c.c
}

// Issuer is iss.
func (c Claims) Issuer() string { return c.Token().Issuer }

// ID is jti, or the fingerprint of a token without one where the issuer's
// policy allows that (R3).
func (c Claims) ID() string { return c.Token().ID }

// Subject is sub; empty where the token has none.
func (c Claims) Subject() string { return c.Token().Subject }

// Session is sid; empty where the token belongs to no session.
func (c Claims) Session() string { return c.Token().Session }

// ClientID is client_id (RFC 8693 section 4.3); empty where there is none.
func (c Claims) ClientID() string { return c.said().clientID }

// Audience is aud; the slice is the caller's.
func (c Claims) Audience() []string { return c.said().audience.list() }

// Scopes is scope, as a list; the slice is the caller's.
func (c Claims) Scopes() []string { return c.said().scope.words() }

// HasScope reports whether scope, byte for byte, is one of the token's.
func (c Claims) HasScope(scope string) bool {
	return scope != "" && c.said().scope.holdsWord(scope)
}

// IssuedAt is iat.
func (c Claims) IssuedAt() time.Time { return c.said().issuedAt }

// NotBefore is nbf; zero where there is none.
func (c Claims) NotBefore() time.Time { return c.said().notBefore }

// ExpiresAt is exp.
func (c Claims) ExpiresAt() time.Time { return c.said().expiresAt() }

// Login is when the session began: auth_ms where auth_time agrees with it,
// otherwise the earlier of auth_time and iat, in whole seconds (R6).
func (c Claims) Login() time.Time { return c.Token().Login }

// SessionExpiresAt is session_exp; zero where there is none.
func (c Claims) SessionExpiresAt() time.Time { return c.said().sessionExpiresAt }

// Rotation is rot: the number of exchanges since login.
func (c Claims) Rotation() int64 { return c.Token().Rotation }

// Renewable is renewable: the token may be exchanged itself.
func (c Claims) Renewable() bool { return c.said().renewable }

// Type is the header's typ, in lower case and without application/; empty
// where there is none.
func (c Claims) Type() string { return c.said().typ }

// KeyID is the kid of the key that verified the token.
func (c Claims) KeyID() string { return c.said().keyID }

// Token is what the denylist needs to know.
func (c Claims) Token() denylist.Token { return c.said().token.Token() }

// Decode reads all claims into a struct or map, as JSON. Names are
// case-sensitive; what into has no place for is left out.
func (c Claims) Decode(into any) error {
	if c.c == nil {
		return fmt.Errorf("%w: no claims", ErrClaims)
	}
	if err := json.Unmarshal([]byte(c.c.payload), into); err != nil {
		return fmt.Errorf("%w: %w", ErrClaims, err)
	}
	return nil
}

// list is a string, or an array of strings, as a slice.
func (v value) list() (all []string) {
	v.each(func(s string) bool {
		all = append(all, s)
		return true
	})
	return all
}

// holds reports whether want is one of list.
func (v value) holds(want string) (found bool) {
	v.each(func(s string) bool {
		found = s == want
		return !found
	})
	return found
}

// words is list, but a string is a list separated by spaces (RFC 6749 section
// 3.3).
func (v value) words() []string {
	if v.kind == kindString {
		return slices.DeleteFunc(strings.Split(v.str(), " "), func(w string) bool { return w == "" })
	}
	return v.list()
}

// holdsWord reports whether want is one of words.
func (v value) holdsWord(want string) bool {
	if v.kind != kindString {
		return v.holds(want)
	}
	for word := range strings.SplitSeq(v.str(), " ") {
		if word == want {
			return true
		}
	}
	return false
}
