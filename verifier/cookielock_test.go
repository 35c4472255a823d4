package verifier

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCookieLock_Cookie(t *testing.T) {
	t.Parallel()
	lock, err := NewCookieLock(CookieLockOptions{MaxAge: time.Hour})
	require.NoError(t, err)
	cookie, claim := lock.New()
	assert.Equal(t, lockOf(cookie.Value), claim)
	assert.Len(t, cookie.Value, 43)
	assert.Equal(t, "__Host-lock="+cookie.Value+"; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict", cookie.String())
	_, another := lock.New()
	assert.NotEqual(t, claim, another)

	w := httptest.NewRecorder()
	lock.Clear(w)
	assert.Equal(t, "__Host-lock=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict", w.Header().Get("Set-Cookie"))

	lock, err = NewCookieLock(CookieLockOptions{Name: "__Host-a", Lax: true})
	require.NoError(t, err)
	cookie, _ = lock.New()
	assert.Regexp(t, `^__Host-a=[^;]+; Path=/; HttpOnly; Secure; SameSite=Lax$`, cookie.String())
}

func TestCookieLock_BadOptions(t *testing.T) {
	t.Parallel()
	for _, opts := range []CookieLockOptions{{Name: "lock"}, {Name: "__Host-"}, {Name: "__host-lock"}, {Name: "__Secure-lock"}, {Name: "__Host-a b"}, {Name: "__Host-a;b"}, {MaxAge: -1}} {
		_, err := NewCookieLock(opts)
		assert.Error(t, err, "%+v", opts)
	}
}

func TestCookieLock_Answers(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	strict, err := NewCookieLock(CookieLockOptions{})
	require.NoError(t, err)
	open, err := NewCookieLock(CookieLockOptions{AllowUnlocked: true})
	require.NoError(t, err)
	const value = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
	bound := func(cnf any) string { return f.token(map[string]any{"cnf": cnf}) }
	locked, unlocked := bound(map[string]any{"cookie#S256": lockOf(value)}), f.token()
	passes, refused := refusal{200, "", ""}, refusal{401, "token_invalid", invalid}
	malformed := refusal{401, "token_malformed", invalid}
	for name, test := range map[string]struct {
		token        string
		cookies      []string
		strict, open refusal
	}{
		"its cookie":                    {locked, []string{"__Host-lock=" + value}, passes, passes},
		"among others":                  {locked, []string{"a=b; __Host-lock=" + value + "; lock=x"}, passes, passes},
		"no cookie":                     {locked, nil, refused, refused},
		"another value":                 {locked, []string{"__Host-lock=other"}, refused, refused},
		"an empty one":                  {locked, []string{"__Host-lock="}, refused, refused},
		"the claim itself":              {locked, []string{"__Host-lock=" + lockOf(value)}, refused, refused},
		"a sibling's, without a prefix": {locked, []string{"lock=" + value}, refused, refused},
		"the prefix in another case":    {locked, []string{"__host-lock=" + value}, refused, refused},
		"two of that name":              {locked, []string{"__Host-lock=" + value + "; __Host-lock=" + value}, refused, refused},
		"two in two headers":            {locked, []string{"__Host-lock=other", "__Host-lock=" + value}, refused, refused},
		"a long one":                    {locked, []string{"__Host-lock=" + strings.Repeat("x", 9000)}, refused, refused},
		"unlocked":                      {unlocked, nil, refused, passes},
		"unlocked, with a cookie":       {unlocked, []string{"__Host-lock=" + value}, refused, passes},
		"bound to a key":                {bound(map[string]any{"jkt": "x"}), nil, refused, passes},
		"bound to nothing":              {bound(map[string]any{"cookie#S256": ""}), []string{"__Host-lock="}, refused, refused},
		"an ill-typed claim":            {bound("x"), []string{"__Host-lock=" + value}, malformed, malformed},
		"an ill-typed member":           {bound(map[string]any{"cookie#S256": 1}), []string{"__Host-lock=" + value}, malformed, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for lock, want := range map[*CookieLock]refusal{strict: test.strict, open: test.open} {
				h := f.verifier(&list{}, Options{}).Middleware(lock.Middleware(behind))
				r := request(t, http.MethodGet, "Bearer "+test.token)
				r.Header["Cookie"] = test.cookies
				assert.Equal(t, want, answerOf(t, h, r), "unlocked allowed: %v", lock.opts.AllowUnlocked)
			}
		})
	}
	t.Run("without the verifier's middleware", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, refusal{401, "token_missing", noToken}, answerOf(t, open.Middleware(behind), request(t, http.MethodGet, "Bearer "+unlocked)))
	})
}
