package verifier

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// vocabulary finds the place of a registered member name, or a number below
// zero. A nil vocabulary knows none.
type vocabulary func(name string) int

// The header parameters that have a meaning here (RFC 7515, RFC 7516, RFC 7797).
const (
	headAlg = iota
	headKid
	headTyp
	headCty
	headJwk
	headJku
	headX5u
	headX5c
	headCrit
	headB64
	headZip
	headEnc
	headCount

	headRefused = headJwk // from here on: no token may have them (R2)
)

func headerNamed(name string) int {
	switch name {
	case "alg":
		return headAlg
	case "kid":
		return headKid
	case "typ":
		return headTyp
	case "cty":
		return headCty
	case "jwk":
		return headJwk
	case "jku":
		return headJku
	case "x5u":
		return headX5u
	case "x5c":
		return headX5c
	case "crit":
		return headCrit
	case "b64":
		return headB64
	case "zip":
		return headZip
	case "enc":
		return headEnc
	}
	return -1
}

// The claims that have a meaning here.
const (
	claimIss = iota
	claimSub
	claimAud
	claimExp
	claimNbf
	claimIat
	claimJti
	claimSid
	claimRot
	claimScope
	claimClientID
	claimAuthTime
	claimAuthMs
	claimSessionExp
	claimRenewable
	claimCount
)

func claimNamed(name string) int {
	switch name {
	case "iss":
		return claimIss
	case "sub":
		return claimSub
	case "aud":
		return claimAud
	case "exp":
		return claimExp
	case "nbf":
		return claimNbf
	case "iat":
		return claimIat
	case "jti":
		return claimJti
	case "sid":
		return claimSid
	case "rot":
		return claimRot
	case "scope":
		return claimScope
	case "client_id":
		return claimClientID
	case "auth_time":
		return claimAuthTime
	case "auth_ms":
		return claimAuthMs
	case "session_exp":
		return claimSessionExp
	case "renewable":
		return claimRenewable
	}
	return -1
}

// claimTexts are the names of the claims as they nearly always stand in a
// token. It is never written to.
var claimTexts = [claimCount]string{
	claimIss:        `"iss":`,
	claimSub:        `"sub":`,
	claimAud:        `"aud":`,
	claimExp:        `"exp":`,
	claimNbf:        `"nbf":`,
	claimIat:        `"iat":`,
	claimJti:        `"jti":`,
	claimSid:        `"sid":`,
	claimRot:        `"rot":`,
	claimScope:      `"scope":`,
	claimClientID:   `"client_id":`,
	claimAuthTime:   `"auth_time":`,
	claimAuthMs:     `"auth_ms":`,
	claimSessionExp: `"session_exp":`,
	claimRenewable:  `"renewable":`,
}

// order is which claim stood behind which in the tokens before, by their places
// and one more: 0 is none. It is a guess and says nothing of a token; one that is
// right spares reading a name and looking it up.
type order [claimCount + 1]uint8

// guess takes the name and the colon of the claim that stood behind the last one
// before, if they are there, and returns its place; below zero if not.
func (s *scanner) guess(known vocabulary, last int) int {
	if known == nil || s.order == nil {
		return -1
	}
	at := int(s.order[last+1]) - 1
	if at < 0 || !strings.HasPrefix(s.text[s.pos:], claimTexts[at]) {
		return -1
	}
	s.pos += len(claimTexts[at])
	return at
}

// learn notes what stood behind the last claim.
func (s *scanner) learn(known vocabulary, last, at int) {
	if known != nil && s.order != nil {
		s.order[last+1] = uint8(at + 1)
	}
}

// find returns the place of name, or a number below zero. A name that only
// looks like a registered one, such as JTI or iſs, is refused: readers that
// ignore case would take it for the registered one (encoding/json does), so
// that two readers of one token would see two.
func (known vocabulary) find(name string) (int, error) {
	if known == nil {
		return -1, nil
	}
	at := known(name)
	if at < 0 && known(folded(name)) >= 0 {
		return 0, malformed("member name in the wrong case")
	}
	return at, nil
}

// longestName is more than any registered name has.
const longestName = 16

// folded returns name with each character in the lower-case ASCII form that it
// folds to, if any; a name that is in that form already, or too long to be
// registered, comes back as "".
func folded(name string) string {
	var room [longestName]byte
	out, changed := room[:0], false
	for _, r := range name {
		lower := foldedRune(r)
		if lower >= utf8.RuneSelf || len(out) == longestName {
			return ""
		}
		changed = changed || lower != r
		out = append(out, byte(lower))
	}
	if !changed {
		return ""
	}
	return string(out)
}

func foldedRune(r rune) rune {
	if r < utf8.RuneSelf {
		return unicode.ToLower(r)
	}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f < utf8.RuneSelf {
			return unicode.ToLower(f)
		}
	}
	return r
}
