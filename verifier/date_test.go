package verifier

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNumericDate(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 2000)
	for number, want := range map[string]time.Time{
		"0":                                   time.Unix(0, 0),
		"-0":                                  time.Unix(0, 0),
		"-0.0e5":                              time.Unix(0, 0),
		"0e99999999999999999999":              time.Unix(0, 0),
		"1893553445":                          time.Unix(1893553445, 0),
		"1893553445.0":                        time.Unix(1893553445, 0),
		"1893553445.25":                       time.Unix(1893553445, 250_000_000),
		"1893553445.1234567899":               time.Unix(1893553445, 123_456_789),
		"1893553445.999999999999":             time.Unix(1893553445, 999_999_999),
		"1.893553445e9":                       time.Unix(1893553445, 0),
		"18935534450E-1":                      time.Unix(1893553445, 0),
		"189355344512e-2":                     time.Unix(1893553445, 120_000_000),
		"0.0000000001e+11":                    time.Unix(10, 0),
		"1e-9":                                time.Unix(0, 1),
		"1e-10":                               time.Unix(0, 0),
		"1e-99999999999999999999":             time.Unix(0, 0),
		"1893553445." + zeros + "1":           time.Unix(1893553445, 0),
		"0." + zeros + "1e2001":               time.Unix(1, 0),
		"1" + zeros + "e-2000":                time.Unix(1, 0),
		"253402300799":                        time.Unix(maxSeconds, 0),
		"253402300799.5":                      time.Unix(maxSeconds, 500_000_000),
		"253402300800":                        beyond,
		"999999999999":                        beyond,
		"18446744073709552":                   beyond,
		"18446744073709551616":                beyond,
		"9223372036854775807":                 beyond,
		"99999999999999999999999999999999999": beyond,
		"1e400":                               beyond,
		"1e18446744073709551616":              beyond,
		"0." + zeros + "1e9999":               beyond,
	} {
		got, ok := numericDate(number)
		assert.True(t, ok, "%.40s", number)
		assert.Equal(t, want.UTC(), got, "%.40s", number)
	}
	for _, number := range []string{"-1", "-0.0000000001", "-1e-400", "-1e400", "-18446744073709552"} {
		_, ok := numericDate(number)
		assert.False(t, ok, number)
	}
}

// The oracle is exact arithmetic.
func FuzzNumericDate(f *testing.F) {
	for _, seed := range []string{"0", "-0", "1893553445.25", "1.893553445e9", "253402300799.999999999", "1e400", "-1e-400", "18446744073709552"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, number string) {
		s := scanner{text: number}
		if s.number() != nil || s.pos != len(number) || len(number) > 40 {
			return
		}
		if _, exponent, ok := strings.Cut(strings.ToLower(number), "e"); ok && len(exponent) > 4 {
			return // exact arithmetic would take for ever
		}
		exact, ok := new(big.Rat).SetString(number)
		require.True(t, ok, number)
		got, ok := numericDate(number)
		require.Equal(t, exact.Sign() >= 0, ok, number)
		if !ok {
			return
		}
		nanos := new(big.Rat).Mul(exact, big.NewRat(int64(time.Second), 1))
		floor := new(big.Int).Quo(nanos.Num(), nanos.Denom())
		want := new(big.Int).Add(
			new(big.Int).Mul(big.NewInt(got.Unix()), big.NewInt(int64(time.Second))),
			big.NewInt(int64(got.Nanosecond())))
		if got.Equal(beyond) {
			require.GreaterOrEqual(t, floor.Cmp(want), 0, number)
			return
		}
		require.Zero(t, floor.Cmp(want), number)
	})
}
