package rotation_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// markedSite is a site that asks for marks, and an application that says which
// team somebody is in.
func markedSite(t *testing.T, opts rotation.Options) (*site, *application) {
	t.Helper()
	app := &application{FreshClaims: rotation.FreshClaims{Extra: map[string]any{"team": "blue"}}}
	opts.Claims = app.say
	if opts.VerifyOverlap == 0 {
		opts.VerifyOverlap, opts.ReplayWindow = 10*time.Second, 10*time.Second
	}
	s := newSite(t, opts, rotation.SlidingOptions{})
	s.api = s.handler(s.Sessions, s.house.api, rotation.SlidingOptions{Marks: s.list}, hello)
	return s, app
}

func TestMarks_RenewOnceWithFreshClaims(t *testing.T) {
	t.Parallel()
	for name, markOf := range map[string]func(rotation.Tokens) denylist.Mark{
		"token": func(of rotation.Tokens) denylist.Mark {
			return denylist.Mark{Scope: denylist.ScopeToken, ID: of.AccessID, Until: of.AccessExpiresAt}
		},
		"session": func(of rotation.Tokens) denylist.Mark {
			return denylist.Mark{Scope: denylist.ScopeSession, ID: of.Session, Until: of.SessionExpiresAt}
		},
		"subject": func(rotation.Tokens) denylist.Mark { return denylist.Mark{Scope: denylist.ScopeSubject, ID: "alice"} },
		"issuer":  func(rotation.Tokens) denylist.Mark { return denylist.Mark{Scope: denylist.ScopeIssuer} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, app := markedSite(t, rotation.Options{})
			first, bob := s.loginAs("alice"), s.loginAs("bob")
			assert.Empty(t, s.renewed(first.Access))
			app.Extra = map[string]any{"team": "red"}
			mark := markOf(first)
			mark.Issuer = issuer
			_, err := s.list.Mark(t.Context(), mark)
			require.NoError(t, err)

			// In the same second, and in the same millisecond: no clock decides.
			second := s.renewed(first.Access)
			require.NotEmpty(t, second)
			assert.Equal(t, "red", member(t, second, 1)["team"])
			assert.Empty(t, s.renewed(second), "not again for the same mark")
			assert.Equal(t, member(t, second, 1), member(t, s.renewed(first.Access), 1), "a lost response")
			assert.Equal(t, name != "issuer", s.renewed(bob.Access) == "", "somebody else")

			// What is exchanged otherwise carries on with it.
			third := s.exchange(second)
			assert.Empty(t, s.renewed(third.Access))
			if name != "token" {
				_, err = s.list.Mark(t.Context(), mark)
				require.NoError(t, err)
				assert.NotEmpty(t, s.renewed(third.Access), "the next mark")
			}
			s.clock.Advance(2 * time.Millisecond)
			assert.Empty(t, s.renewed(s.loginAs("alice").Access), "who logs in afterwards")
			assert.Empty(t, s.failures)
		})
	}
}

// A node whose clock is behind mints tokens that look older than the mark.
func TestMarks_RenewOnceWhateverTheClocksSay(t *testing.T) {
	t.Parallel()
	s, _ := markedSite(t, rotation.Options{})
	behind := s.node(s.list, func(o *rotation.Options) { o.Now = s.clock.ahead(-30 * time.Second) })
	first := s.loginAs("alice")
	s.clock.Advance(time.Minute)
	_, err := s.list.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeSubject, Issuer: issuer, ID: "alice"})
	require.NoError(t, err)
	s.api = s.handler(behind, s.house.api, rotation.SlidingOptions{Marks: s.list}, hello)
	second := s.renewed(first.Access)
	require.NotEmpty(t, second)
	assert.Empty(t, s.renewed(second))
}

func TestMarks_HardRevocationWins(t *testing.T) {
	t.Parallel()
	s, _ := markedSite(t, rotation.Options{})
	first := s.loginAs("alice")
	_, err := s.list.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeSubject, Issuer: issuer, ID: "alice"})
	require.NoError(t, err)
	require.NoError(t, s.LogoutAll(t.Context(), first.Access))
	w := ask(s.api, first.Access)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Empty(t, w.Header().Get("X-Renewed-Token"))
}

// At the session's end nobody lives longer by a mark.
func TestMarks_NearTheSessionsEnd(t *testing.T) {
	t.Parallel()
	s, _ := markedSite(t, rotation.Options{SessionTTL: 5 * time.Minute})
	first := s.loginAs("alice")
	_, err := s.list.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeSession, Issuer: issuer, ID: first.Session})
	require.NoError(t, err)
	second := s.renewed(first.Access)
	assert.EqualValues(t, first.SessionExpiresAt.Unix(), member(t, second, 1)["exp"])
	_, err = s.list.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeSession, Issuer: issuer, ID: first.Session})
	require.NoError(t, err)
	s.clock.Set(first.SessionExpiresAt.Add(-time.Second / 2))
	assert.Empty(t, s.renewed(second))
	assert.Empty(t, s.failures)
}

func TestR14_MarksThatCannotBeToldLeaveTheRequestAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{}, rotation.SlidingOptions{})
	s.api = s.handler(s.Sessions, s.house.api, rotation.SlidingOptions{Marks: lostMarks{}}, hello)
	first := s.login().Access
	assert.Empty(t, s.renewed(first))
	require.Len(t, s.failures, 1)
	s.clock.Advance(8 * time.Minute)
	assert.NotEmpty(t, s.renewed(first), "its time has come, mark or no mark")
}

type lostMarks struct{ denylist.Marker }

func (lostMarks) Marked(context.Context, denylist.Token) (time.Time, error) {
	return time.Time{}, errors.New("connection refused")
}

// A rolling deployment: nodes of two versions, and tokens that meet both.
func TestClaimsVersion_OlderTokensAreRenewedWithNoStore(t *testing.T) {
	t.Parallel()
	s, app := markedSite(t, rotation.Options{})
	old := s.loginAs("alice")
	app.Extra = map[string]any{"team": "red", "floor": 3}
	next := s.node(s.list, func(o *rotation.Options) { o.ClaimsVersion = 7 })
	newer := s.handler(next, s.house.api, rotation.SlidingOptions{}, hello)

	assert.Empty(t, s.renewed(old.Access), "by a node of the old version")
	w := ask(newer, old.Access)
	require.Equal(t, http.StatusOK, w.Code)
	raw := w.Header().Get("X-Renewed-Token")
	claims := member(t, raw, 1)
	assert.EqualValues(t, 7, claims["cv"])
	assert.EqualValues(t, 3, claims["floor"])
	for range 3 {
		assert.Empty(t, ask(newer, raw).Header().Get("X-Renewed-Token"))
		assert.Empty(t, s.renewed(raw), "the old version leaves it alone")
	}

	t.Run("the application may be ahead of the node, not behind", func(t *testing.T) {
		for say, want := range map[int64]int64{3: 7, 9: 9} {
			app.Version = say
			tokens := login(t, next, "bob")
			assert.EqualValues(t, want, member(t, tokens.Access, 1)["cv"])
		}
	})
}
