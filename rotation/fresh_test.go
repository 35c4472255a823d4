package rotation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// application is what an application says of its subjects, until it is told
// otherwise.
type application struct {
	rotation.FreshClaims
	err   error
	asked []rotation.ClaimsRequest
}

func (a *application) say(_ context.Context, r rotation.ClaimsRequest) (rotation.FreshClaims, error) {
	a.asked = append(a.asked, r)
	return a.FreshClaims, a.err
}

func TestScope_NarrowedWithinTheGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{ReplayWindow: 10 * time.Second})
	first := h.login("read", "write", "admin")
	narrow := rotation.Attempt{Scope: []string{"admin", "read", "read"}}
	second, err := h.Exchange(t.Context(), first.Refresh, narrow)
	require.NoError(t, err)
	assert.Equal(t, []string{"read", "admin"}, second.Scope)
	assert.Equal(t, "read admin", member(t, second.Access, 1)["scope"])
	assert.Equal(t, "read write admin", member(t, second.Refresh, 1)["grant"], "copied unchanged")

	t.Run("a retry has the successor on record, whatever it asks for", func(t *testing.T) {
		for _, asked := range [][]string{nil, {"write"}, {"read", "admin"}} {
			again, err := h.Exchange(t.Context(), first.Refresh, rotation.Attempt{Scope: asked})
			require.NoError(t, err)
			sameSuccessor(t, second, again)
			assert.Equal(t, member(t, second.Access, 1), member(t, again.Access, 1))
		}
	})
	t.Run("the next one has all of it again", func(t *testing.T) {
		assert.Equal(t, []string{"read", "write", "admin"}, h.exchange(second.Refresh).Scope)
	})
}

func TestScope_BeyondTheGrantIsRefusedAndSpendsNothing(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		first := h.login("read", "write")
		for _, scope := range [][]string{{"admin"}, {"read", "admin"}, {"READ"}, {""}, {"read write"}} {
			_, err := h.Exchange(t.Context(), carrier(first), rotation.Attempt{Scope: scope})
			assert.ErrorIs(t, err, rotation.ErrScope, "%q", scope)
		}
		h.exchange(carrier(first))
	})
}

// tampered is a store that somebody else can write to.
type tampered struct {
	rotation.Store
	note string
}

func (s tampered) Spend(ctx context.Context, t denylist.Token, n denylist.Successor, how denylist.Exchange) (denylist.Spent, error) {
	spent, err := s.Store.Spend(ctx, t, n, how)
	spent.Successor.Note = s.note
	return spent, err
}

func TestR11_ATamperedNoteGrantsNothing(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, ReplayWindow: time.Minute})
		first := h.login("read", "write")
		second := h.exchange(carrier(first))
		note := "2 " + itoa(second.AccessExpiresAt.Unix()) + " 0 0 "
		for _, rest := range []string{"=read admin", "=admin", "=read  write", "*admin", "= read", "=" + strings.Repeat("read ", 300), ""} {
			tokens, err := h.node(tampered{h.list, note + rest}, nil).Exchange(t.Context(), carrier(first), rotation.Attempt{})
			assert.ErrorIs(t, err, denylist.ErrUnavailable, rest)
			assert.NotErrorIs(t, err, rotation.ErrScope, rest)
			assert.Zero(t, tokens)
		}
		again, err := h.node(tampered{h.list, note + "=write"}, nil).Exchange(t.Context(), carrier(first), rotation.Attempt{})
		require.NoError(t, err)
		assert.Equal(t, []string{"write"}, again.Scope)
	})
}

func TestScope_ASingleTokenIsNarrowedForGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Style: rotation.Single})
	narrowed, err := h.Exchange(t.Context(), h.login("read", "write").Access, rotation.Attempt{Scope: []string{"read"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"read"}, h.exchange(narrowed.Access).Scope)
}

func TestClaims_FreshAtEachExchange(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		app := &application{FreshClaims: rotation.FreshClaims{Extra: map[string]any{"team": "blue"}, Version: 3}}
		h := newHouse(t, rotation.Options{Style: style, Claims: app.say, ReplayWindow: 10 * time.Second})
		first := h.loginAs("alice", "read")
		claims := member(t, first.Access, 1)
		assert.Equal(t, "blue", claims["team"])
		assert.EqualValues(t, 3, claims["cv"])
		h.accepts(first.Access)

		app.FreshClaims = rotation.FreshClaims{Extra: map[string]any{"team": "red"}, Scope: []string{"read", "write"}, Version: 4}
		second := h.exchange(carrier(first))
		assert.Equal(t, rotation.ClaimsRequest{Subject: "alice", Session: first.Session, Scope: []string{"read"}, Version: 3}, app.asked[1])
		claims = member(t, second.Access, 1)
		assert.Equal(t, "red", claims["team"])
		assert.Equal(t, "read write", claims["scope"])
		if style == rotation.Pair {
			assert.NotContains(t, member(t, second.Refresh, 1), "team")
			assert.Equal(t, "read", member(t, second.Refresh, 1)["grant"])
		}

		// What is on record stands; what is not is asked again.
		app.FreshClaims = rotation.FreshClaims{Extra: map[string]any{"team": "green"}, Scope: []string{}, Version: 5}
		again := h.exchange(carrier(first))
		sameSuccessor(t, second, again)
		claims["team"] = "green"
		assert.Equal(t, claims, member(t, again.Access, 1))
	})
}

func TestClaims_ScopeOfTheApplicationAndOfTheAttempt(t *testing.T) {
	t.Parallel()
	app := &application{}
	h := newHouse(t, rotation.Options{Claims: app.say})
	tokens := h.login("read", "write")
	app.Scope = []string{"read", "admin"}
	tokens, err := h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{Scope: []string{"read", "write"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"read"}, tokens.Scope)
	assert.Equal(t, []string{"read", "admin"}, h.exchange(tokens.Refresh).Scope)
}

func TestR14_ClaimsThatCannotBeHadSpendNothing(t *testing.T) {
	t.Parallel()
	deep := map[string]any{}
	for range 20 {
		deep = map[string]any{"a": deep}
	}
	for name, says := range map[string]application{
		"an error":           {err: errors.New("database is down")},
		"a denial":           {err: denylist.ErrRevoked},
		"our claim":          {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"sid": "x"}}},
		"in another case":    {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"i\u017fs": "x"}}},
		"our lock":           {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"cnf": nil}}},
		"no JSON":            {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"f": func() {}}}},
		"invalid UTF-8":      {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"f": "\xff"}}},
		"too much":           {FreshClaims: rotation.FreshClaims{Extra: map[string]any{"f": strings.Repeat("x", 3<<10)}}},
		"too deep":           {FreshClaims: rotation.FreshClaims{Extra: deep}},
		"a scope that is no": {FreshClaims: rotation.FreshClaims{Scope: []string{"a\nb"}}},
		"a scope too long":   {FreshClaims: rotation.FreshClaims{Scope: []string{strings.Repeat("x", 901)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &application{}
			h := newHouse(t, rotation.Options{Claims: app.say})
			first := h.login()
			app.FreshClaims, app.err = says.FreshClaims, says.err
			h.refuses(first.Refresh, denylist.ErrUnavailable)
			_, err := h.Login(t.Context(), rotation.Login{At: h.clock.Now(), Subject: "bob"})
			require.ErrorIs(t, err, denylist.ErrUnavailable)
			require.NotErrorIs(t, err, denylist.ErrRevoked)
			app.FreshClaims, app.err = rotation.FreshClaims{}, nil
			h.exchange(first.Refresh)
		})
	}
}

// The longest that the limits allow is still a token that verifiers read.
func TestClaims_LongestFit(t *testing.T) {
	t.Parallel()
	app := &application{FreshClaims: rotation.FreshClaims{
		Extra: map[string]any{"f": strings.Repeat("x", 3<<10-8)}, Scope: []string{strings.Repeat("s", 900)}, Version: 1<<53 - 1,
	}}
	h := newHouse(t, rotation.Options{Style: rotation.Single, Claims: app.say, ReplayWindow: time.Minute})
	first := h.loginAs(strings.Repeat("u", denylist.MaxID))
	second := h.exchange(first.Access)
	h.accepts(second.Access)
	sameSuccessor(t, second, h.exchange(first.Access))
}
