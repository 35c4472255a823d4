package rotation_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// locked is a browser's session that is bound to a cookie.
func (s *site) locked(lock *verifier.CookieLock) (rotation.Tokens, *http.Cookie) {
	s.t.Helper()
	cookie, claim := lock.New()
	tokens, err := s.Login(s.t.Context(), rotation.Login{At: s.clock.Now(), Subject: "alice", Lock: claim})
	require.NoError(s.t, err)
	return tokens, cookie
}

func askWith(api http.Handler, raw string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w
}

func TestCookieLock_IsCopiedThroughExchanges(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		s := &site{house: newHouse(t, rotation.Options{Style: style, ReplayWindow: time.Minute, VerifyOverlap: time.Minute})}
		lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{})
		require.NoError(t, err)
		api := s.house.api.Middleware(lock.Middleware(http.HandlerFunc(hello)))
		tokens, cookie := s.locked(lock)
		_, another := s.locked(lock)
		for range 3 {
			assert.Equal(t, http.StatusOK, askWith(api, tokens.Access, cookie).Code)
			w := askWith(api, tokens.Access, another)
			assert.Equal(t, http.StatusUnauthorized, w.Code)
			assert.Contains(t, w.Body.String(), "token_invalid")
			assert.Equal(t, http.StatusUnauthorized, askWith(api, tokens.Access).Code)
			s.accepts(tokens.Access) // elsewhere, where nobody asks for a cookie

			next := s.exchange(carrier(tokens))
			again := s.exchange(carrier(tokens)) // a lost response
			assert.Equal(t, member(t, next.Access, 1), member(t, again.Access, 1))
			tokens = again
		}
		assert.Equal(t, http.StatusUnauthorized, askWith(api, s.login().Access, cookie).Code, "a token without a lock")
	})
}

// Nobody renews what comes without its cookie.
func TestCookieLock_BeforeTheSliding(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{VerifyOverlap: time.Minute}, rotation.SlidingOptions{})
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{})
	require.NoError(t, err)
	sliding, err := rotation.NewSliding(s.Sessions, rotation.SlidingOptions{Always: true})
	require.NoError(t, err)
	api := s.house.api.Middleware(lock.Middleware(sliding.Middleware(http.HandlerFunc(hello))))
	tokens, cookie := s.locked(lock)
	w := askWith(api, tokens.Access)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Empty(t, w.Header().Get("X-Renewed-Token"))
	w = askWith(api, tokens.Access, cookie)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, http.StatusOK, askWith(api, w.Header().Get("X-Renewed-Token"), cookie).Code)
}

func TestLogin_LockIsADigest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	for _, lock := range []string{"x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 42) + "B", strings.Repeat("+", 43)} {
		_, err := h.Login(t.Context(), rotation.Login{At: h.clock.Now(), Subject: "alice", Lock: lock})
		assert.ErrorIs(t, err, rotation.ErrInvalid, "%q", lock)
	}
}
