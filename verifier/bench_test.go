package verifier

import (
	"context"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rescindhq/rescind/denylist"
)

// empty is a denylist with nothing on it: what is measured is the rest.
type empty struct{}

func (empty) Check(context.Context, denylist.Token) error { return nil }

// BenchmarkVerify compares with what people write today: golang-jwt into a
// struct, with every strict option it has.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range Algorithms() {
		f := newForge(b, alg)
		raw := f.token()
		b.Run(string(alg)+"/rescind", func(b *testing.B) {
			v := f.verifier(empty{}, Options{})
			b.ReportAllocs()
			for b.Loop() {
				claims, err := v.Verify(b.Context(), raw)
				if err != nil || claims.ID() != "token-1" {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(alg)+"/golang-jwt", func(b *testing.B) {
			parser := jwt.NewParser(
				jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer(testIssuer), jwt.WithAudience(testAudience),
				jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(testClock),
			)
			keyOf := func(*jwt.Token) (any, error) { return f.public(), nil }
			b.ReportAllocs()
			for b.Loop() {
				var claims struct {
					jwt.RegisteredClaims
					Session string `json:"sid"`
					Scope   string `json:"scope"`
				}
				if _, err := parser.ParseWithClaims(raw, &claims, keyOf); err != nil || claims.ID != "token-1" {
					b.Fatal(err)
				}
			}
		})
	}
}
