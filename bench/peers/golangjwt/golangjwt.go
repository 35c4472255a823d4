// Package golangjwt is how golang-jwt verifies a token in those rivals that
// differ in how they ask about its jti.
//
// It does what https://pkg.go.dev/github.com/golang-jwt/jwt/v5 advises: one
// parser for all tokens, algorithms that are pinned, the claims in a struct.
package golangjwt

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rescindhq/rescind/bench/scenario"
)

var errUnknownKey = errors.New("no key of that id")

// Claims are what an application reads of a token.
type Claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

// Reader verifies tokens, but for whether they are revoked. Any number of
// goroutines may use it.
type Reader struct {
	parser *jwt.Parser
	keys   map[string]any
}

// NewReader returns a reader of the tokens of a run.
func NewReader(bed scenario.Bed) *Reader {
	r := &Reader{keys: map[string]any{}}
	var methods []string
	for _, k := range bed.Keys {
		r.keys[k.ID] = k.Key
		methods = append(methods, string(k.Algorithm))
	}
	r.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithIssuer(bed.Issuer), jwt.WithAudience(bed.Audience),
		jwt.WithExpirationRequired())
	return r
}

// Read verifies the signature and the claims of a token.
func (r *Reader) Read(raw string, claims *Claims) error {
	_, err := r.parser.ParseWithClaims(raw, claims, r.find)
	return err
}

// find is golang-jwt's key function.
func (r *Reader) find(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	key, ok := r.keys[kid]
	if !ok {
		return nil, errUnknownKey
	}
	return key, nil
}
