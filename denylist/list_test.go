package denylist

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// FuzzParseCursor: a cursor comes from a client. What is taken is one that
// List could have written, and begins where it says.
func FuzzParseCursor(f *testing.F) {
	f.Add("")
	f.Add(position{1763820938000, member(ScopeToken, "https://issuer.example", "jti")}.cursor())
	f.Add(position{maxMillis, member(ScopeIssuer, "i", "")}.cursor())
	f.Add("1.t:")
	f.Add("-1.t:AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("+1.t:AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("99999999999999999999.t:AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseCursor(s)
		if err != nil {
			assert.ErrorIs(t, err, ErrInvalid)
			assert.Zero(t, p)
			return
		}
		if s == "" {
			assert.Zero(t, p)
			return
		}
		assert.Equal(t, s, p.cursor())
	})
}

func TestPosition_Order(t *testing.T) {
	ordered := []position{{}, {1, ""}, {1, "a"}, {1, "b"}, {2, "a"}, {maxMillis, "a"}}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			assert.Equal(t, want, a.compare(b), "%v and %v", a, b)
		}
	}
}

func TestMember_NamesScopes(t *testing.T) {
	for scope, letter := range map[Scope]string{ScopeToken: "t:", ScopeSession: "s:", ScopeSubject: "u:", ScopeIssuer: "i:"} {
		assert.True(t, strings.HasPrefix(member(scope, "i", "x"), letter), scope.String())
	}
}
