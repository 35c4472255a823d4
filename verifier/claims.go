package verifier

import (
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// Claims are what a verified token says. They are a small immutable value, so
// that a cache may hand the same claims to everybody. The zero Claims says
// nothing and has no scope.
type Claims struct{ c *claims }

type claims struct{}

func (c Claims) Issuer() string              { panic("skeleton") } // iss
func (c Claims) ID() string                  { panic("skeleton") } // jti
func (c Claims) Subject() string             { panic("skeleton") } // sub
func (c Claims) Session() string             { panic("skeleton") } // sid
func (c Claims) ClientID() string            { panic("skeleton") } // client_id
func (c Claims) Audience() []string          { panic("skeleton") } // aud; a copy
func (c Claims) Scopes() []string            { panic("skeleton") } // scope; a copy
func (c Claims) HasScope(scope string) bool  { panic("skeleton") }
func (c Claims) IssuedAt() time.Time         { panic("skeleton") } // iat
func (c Claims) NotBefore() time.Time        { panic("skeleton") } // nbf
func (c Claims) ExpiresAt() time.Time        { panic("skeleton") } // exp
func (c Claims) Login() time.Time            { panic("skeleton") } // auth_ms, or the earlier of auth_time and iat
func (c Claims) SessionExpiresAt() time.Time { panic("skeleton") } // session_exp; zero where absent
func (c Claims) Rotation() int64             { panic("skeleton") } // rot
func (c Claims) Renewable() bool             { panic("skeleton") } // renewable
func (c Claims) Type() string                { panic("skeleton") } // typ, lower case, without application/
func (c Claims) KeyID() string               { panic("skeleton") } // the kid of the key that verified it

// Token is what the denylist needs to know.
func (c Claims) Token() denylist.Token { panic("skeleton") }

// Decode reads all claims into a struct or map, as JSON: names are
// case-sensitive.
func (c Claims) Decode(into any) error { panic("skeleton") }
