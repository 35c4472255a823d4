package verifier

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rescindhq/rescind/denylist"
)

// maxAudiences bounds how many audiences one token may name.
const maxAudiences = 64

// claimSet types the claims of a token whose signature is right, and holds
// them against the policy. Which are required is R3: exp, iat and jti. Those
// that are optional have the type that their definition gives them or are
// refused: a reader that skips what it cannot read would take a token for
// less, or more, than its issuer meant.
func (i *issuer) claimSet(c *claims, p *parts, key Key) error {
	c.payload, c.typ, c.keyID = p.payload, i.types[i.typeOf(p)], key.ID()
	if err := i.own.read(p); err != nil {
		return err
	}
	t := typing{claims: &p.claims}
	token := denylist.Token{Issuer: i.name}

	token.ExpiresAt = t.date(claimExp, "exp", required)
	c.issuedAt = t.date(claimIat, "iat", required)
	c.notBefore = t.date(claimNbf, "nbf", optional)
	c.sessionExpiresAt = t.date(claimSessionExp, "session_exp", optional)
	token.ID = t.id(claimJti, "jti", !i.fingerprint)
	token.Subject = t.id(claimSub, "sub", optional)
	token.Session = t.id(claimSid, "sid", optional)
	c.clientID = t.id(claimClientID, "client_id", optional)
	token.Rotation = t.integer(claimRot, "rot")
	c.renewable = t.boolean(claimRenewable, "renewable")
	token.Login = t.login(c.issuedAt)
	c.audience = t.audience()
	c.scope = t.scope()

	if t.err != nil {
		return t.err
	}
	if token.ID == "" {
		token.ID = fingerprint(p.payload)
	}
	c.token.Set(token, i.sample)
	return i.judge(c)
}

// fingerprint stands in for the jti of a token without one (R3). It is of the
// decoded claims, because one token has many spellings: an ECDSA signature has
// a twin, and a header can be signed again.
func fingerprint(payload string) string {
	sum := sha256.Sum256([]byte(payload))
	return "sha-256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

const (
	required = true
	optional = false
)

// typing reads claims as what they have to be, and keeps the first error.
type typing struct {
	claims *[claimCount]value
	err    error
}

// wrong notes that the claim name is not what it has to be.
func (t *typing) wrong(name, want string) {
	if t.err == nil {
		t.err = fmt.Errorf("%w: %s: want %s", ErrClaims, name, want)
	}
}

// has reports whether a claim is there and of the kind k.
func (t *typing) has(at int, k kind, must bool, name, want string) bool {
	got := t.claims[at].kind
	if got != k && (must || got != kindAbsent) {
		t.wrong(name, want)
	}
	return got == k
}

// date reads a NumericDate. RFC 7519 allows fractions.
func (t *typing) date(at int, name string, must bool) time.Time {
	const want = "a number of seconds since 1970"
	if !t.has(at, kindNumber, must, name, want) {
		return time.Time{}
	}
	date, ok := numericDate(t.claims[at].text)
	if !ok {
		t.wrong(name, want)
	}
	return date
}

// id reads a string that names something: what stores compare, operators type
// and logs show.
func (t *typing) id(at int, name string, must bool) string {
	const want = "a string of 1 to 256 bytes without control characters"
	if !t.has(at, kindString, must, name, want) {
		return ""
	}
	id := t.claims[at].str()
	if id == "" || len(id) > denylist.MaxID || hasControl(id) {
		t.wrong(name, want)
	}
	return id
}

// hasControl reports whether s has a control character. Most ids are ASCII.
func hasControl(s string) bool {
	for len(s) >= 8 && isPrintable(word(s)) {
		s = s[8:]
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return true
		case c >= utf8.RuneSelf:
			return strings.ContainsFunc(s[i:], unicode.IsControl)
		}
	}
	return false
}

// isPrintable reports whether eight bytes are ASCII and no control characters:
// of the others, one of the two makes the top bit of the first.
func isPrintable(w uint64) bool {
	return ((w-' '*everyByte)|(w+everyByte))&everyTop == 0
}

// integer reads a number that is not negative and has no fraction.
func (t *typing) integer(at int, name string) int64 {
	const want = "an integer of 0 or more"
	if !t.has(at, kindNumber, optional, name, want) {
		return 0
	}
	text := t.claims[at].text
	n, ok := digitsOnly(text)
	if !ok {
		var err error
		if n, err = strconv.ParseInt(text, 10, 64); err != nil || n < 0 {
			t.wrong(name, want)
		}
	}
	return n
}

func (t *typing) boolean(at int, name string) bool {
	k := t.claims[at].kind
	if k != kindTrue && k != kindFalse && k != kindAbsent {
		t.wrong(name, "true or false")
	}
	return k == kindTrue
}

// login is when the session began (R6). The milliseconds count only where
// auth_time, which others read, agrees: they must not contradict each other.
// Without them it is a whole second, so that a cutoff in that second denies.
func (t *typing) login(issuedAt time.Time) time.Time {
	authTime := t.date(claimAuthTime, "auth_time", optional)
	ms := t.integer(claimAuthMs, "auth_ms")
	switch {
	case authTime.IsZero():
		return issuedAt.Truncate(time.Second)
	case t.claims[claimAuthMs].kind == kindNumber && authTime.Equal(time.Unix(ms/1000, 0)):
		return time.UnixMilli(ms).UTC()
	case authTime.Before(issuedAt):
		return authTime.Truncate(time.Second)
	default:
		return issuedAt.Truncate(time.Second)
	}
}

// audience reads aud: a string or an array of strings (RFC 7519 section
// 4.1.3).
func (t *typing) audience() value {
	aud, n := t.claims[claimAud], 0
	if !aud.each(func(string) bool { n++; return true }) || n > maxAudiences {
		t.wrong("aud", "a string or up to 64 strings")
	}
	return aud
}

// scope reads scope: a string, or the array of strings that some issuers make
// of it. An element with a space in it would become two scopes where the list
// is written as a string.
func (t *typing) scope() value {
	scope, fits := t.claims[claimScope], true
	ok := scope.kind == kindString || scope.each(func(s string) bool {
		fits = s != "" && !strings.Contains(s, " ")
		return fits
	})
	if !ok || !fits {
		t.wrong("scope", "a string, or an array of scopes")
	}
	return scope
}
