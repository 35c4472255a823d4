package adapters

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // it prints its routes otherwise
	os.Exit(m.Run())
}

// begin starts a session and returns its token and its cookie.
func begin(t *testing.T, s *Service, scope ...string) (token string, cookie *http.Cookie) {
	t.Helper()
	at, err := s.sessions.Now(t.Context())
	require.NoError(t, err)
	cookie, lock := s.lock.New()
	tokens, err := s.sessions.Login(t.Context(), rotation.Login{At: at, Subject: "alice", Scope: scope, Lock: lock})
	require.NoError(t, err)
	return tokens.Access, cookie
}

func ask(h http.Handler, path, token string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRouters(t *testing.T) {
	t.Parallel()
	for name, router := range map[string]func(*Service) http.Handler{
		"gorilla/mux": (*Service).Mux, "chi": (*Service).Chi, "gin": (*Service).Gin, "echo": (*Service).Echo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := NewService(denylist.NewMemory(denylist.MemoryOptions{}))
			require.NoError(t, err)
			h := router(s)
			refused := func(status int, code, path, token string, cookies ...*http.Cookie) {
				t.Helper()
				w := ask(h, path, token, cookies...)
				assert.Equal(t, status, w.Code)
				assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
				assert.Contains(t, w.Body.String(), `"error":"`+code+`"`)
				assert.NotContains(t, w.Body.String(), "hello", "the handler was called")
				assert.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
			}
			token, cookie := begin(t, s, "read")
			refused(http.StatusUnauthorized, "token_missing", "/hello", "")
			refused(http.StatusUnauthorized, "token_malformed", "/hello", "garbage", cookie)
			refused(http.StatusUnauthorized, "token_invalid", "/hello", token) // without its cookie
			refused(http.StatusForbidden, "insufficient_scope", "/jobs", token, cookie)

			may, its := begin(t, s, "jobs")
			for _, path := range []string{"/hello", "/jobs"} {
				w := ask(h, path, may, its)
				require.Equal(t, http.StatusOK, w.Code, w.Body)
				assert.Equal(t, "hello, alice", w.Body.String(), "the claims are in the handler's context")
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				next := w.Header().Get("X-Renewed-Token")
				require.NotEmpty(t, next)
				assert.NotEqual(t, may, next)
				may = next
			}
			require.NoError(t, s.sessions.Logout(t.Context(), may))
			refused(http.StatusUnauthorized, "token_revoked", "/hello", may, its)
		})
	}
}
