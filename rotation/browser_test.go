package rotation_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// tab is a page of a browser: its cookies are those of the others.
type tab struct {
	t       *testing.T
	routes  http.Handler
	cookies map[string]*http.Cookie
}

func newTab(t *testing.T, s *rotation.Sessions, opts rotation.BrowserOptions) *tab {
	t.Helper()
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{})
	require.NoError(t, err)
	browser, err := rotation.NewBrowser(s, lock, passwords, opts)
	require.NoError(t, err)
	return &tab{t: t, routes: browser, cookies: map[string]*http.Cookie{}}
}

// passwords is an application with one user.
func passwords(r *http.Request) (rotation.Login, error) {
	var body struct{ Password string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return rotation.Login{}, rotation.ErrInvalid
	}
	switch body.Password {
	case "right":
		return rotation.Login{Subject: "alice", Scope: []string{"read"}, At: time.Unix(1, 0)}, nil
	case "down":
		return rotation.Login{}, errors.New("database is down")
	}
	return rotation.Login{}, rotation.ErrCredentials
}

// post sends a request as a browser does, and keeps the cookies unless the
// answer is lost.
func (b *tab) post(path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://app.example"+path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range b.cookies {
		if strings.HasPrefix(path, c.Path) {
			r.AddCookie(c)
		}
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	b.routes.ServeHTTP(w, r)
	return w
}

func (b *tab) keep(w *httptest.ResponseRecorder) string {
	b.t.Helper()
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if w.Body.Len() > 0 {
		require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &answer))
	}
	return answer.AccessToken
}

const rightPassword = `{"password":"right"}`

func TestBrowser_Session(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{ReplayWindow: 10 * time.Second})
	page := newTab(t, h.Sessions, rotation.BrowserOptions{})
	w := page.post("/session/login", rightPassword, nil)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.NotContains(t, w.Body.String(), "refresh")
	access := page.keep(w)
	h.accepts(access)
	assert.EqualValues(t, h.clock.Now().UnixMilli(), member(t, access, 1)["auth_ms"], "not what the application says")
	refresh := page.cookies["__Secure-refresh"]
	assert.Equal(t, "__Secure-refresh="+refresh.Value+"; Path=/session; Max-Age=86399; HttpOnly; Secure; SameSite=Strict", refresh.Raw)

	w = page.post("/session/refresh", "", nil)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	next := page.keep(w)
	h.accepts(next)
	assert.NotEqual(t, refresh.Value, page.cookies["__Secure-refresh"].Value)

	w = page.post("/session/logout", "", nil)
	assert.Equal(t, http.StatusNoContent, w.Code)
	page.keep(w)
	assert.Empty(t, page.cookies)
	h.denies(next)
	assert.Equal(t, http.StatusNoContent, page.post("/session/logout", "", nil).Code, "twice")
	assert.Equal(t, http.StatusUnauthorized, page.post("/session/refresh", "", nil).Code)
}

func TestBrowser_TwoTabsAtOnceAndALostResponse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{ReplayWindow: 10 * time.Second, VerifyOverlap: 10 * time.Second})
	page := newTab(t, h.Sessions, rotation.BrowserOptions{})
	page.keep(page.post("/session/login", rightPassword, nil)) // what a lost response costs here is another login
	lost := page.post("/session/refresh", "", nil)
	other := page.post("/session/refresh", "", nil)
	require.Equal(t, http.StatusOK, other.Code)
	assert.Equal(t, member(t, (&tab{t: t, cookies: map[string]*http.Cookie{}}).keep(lost), 1), member(t, page.keep(other), 1))
	w := page.post("/session/refresh", "", nil)
	require.Equal(t, http.StatusOK, w.Code)
	h.accepts(page.keep(w))

	t.Run("by its key, however long ago", func(t *testing.T) {
		key := func(r *http.Request) { r.Header.Set("Idempotency-Key", "k1") }
		require.Equal(t, http.StatusOK, page.post("/session/refresh", "", key).Code)
		h.clock.Advance(time.Hour)
		w := page.post("/session/refresh", "", key)
		require.Equal(t, http.StatusOK, w.Code)
		page.keep(w)
	})
	t.Run("a logout whose answer is lost", func(t *testing.T) {
		for range 2 {
			assert.Equal(t, http.StatusNoContent, page.post("/session/logout", "", nil).Code)
		}
	})
}

func TestBrowser_BadInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	page := newTab(t, h.Sessions, rotation.BrowserOptions{TrustedOrigins: []string{"https://other.example"}})
	page.keep(page.post("/session/login", rightPassword, nil))
	thief := newTab(t, h.Sessions, rotation.BrowserOptions{})
	thief.keep(thief.post("/session/login", rightPassword, nil))
	cross := func(origin string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", origin)
		}
	}
	refresh := func(values ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("Cookie")
			r.AddCookie(page.cookies["__Host-lock"])
			for _, value := range values {
				r.AddCookie(&http.Cookie{Name: "__Secure-refresh", Value: value})
			}
		}
	}
	mine, theirs := page.cookies["__Secure-refresh"].Value, thief.cookies["__Secure-refresh"].Value
	for name, test := range map[string]struct {
		path, body string
		change     func(*http.Request)
		status     int
		code       string
	}{
		"wrong password":              {"/login", `{"password":"guess"}`, nil, 401, "invalid_credentials"},
		"no JSON":                     {"/login", `password=right`, nil, 400, "invalid_request"},
		"a large body":                {"/login", strings.Repeat(" ", 17<<10) + rightPassword, nil, 400, "invalid_request"},
		"users cannot be asked":       {"/login", `{"password":"down"}`, nil, 503, "denylist_unavailable"},
		"login of another origin":     {"/login", rightPassword, cross("https://evil.example"), 400, "invalid_request"},
		"refresh of another origin":   {"/refresh", "", cross("https://evil.example"), 400, "invalid_request"},
		"refresh of a sibling domain": {"/refresh", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 400, "invalid_request"},
		"logout of another origin":    {"/logout", "", cross("null"), 400, "invalid_request"},
		"no cookie":                   {"/refresh", "", refresh(), 401, "token_missing"},
		"two cookies":                 {"/refresh", "", refresh(mine, theirs), 401, "token_malformed"},
		"a cookie that is no token":   {"/refresh", "", refresh("x"), 401, "token_malformed"},
		"somebody else's session":     {"/refresh", "", refresh(theirs), 401, "token_invalid"},
		"without the lock": {"/refresh", "", func(r *http.Request) {
			r.Header.Set("Cookie", "__Secure-refresh="+mine)
		}, 401, "token_invalid"},
		"a key that is none": {"/refresh", "", func(r *http.Request) { r.Header.Set("Idempotency-Key", strings.Repeat("k", 257)) }, 400, "invalid_request"},
	} {
		w := page.post("/session"+test.path, test.body, test.change)
		assert.Equal(t, test.status, w.Code, name)
		assert.Contains(t, w.Body.String(), `"`+test.code+`"`, name)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
		assert.Empty(t, w.Header().Values("Set-Cookie"), name)
	}
	r := httptest.NewRequest(http.MethodGet, "https://app.example/session/refresh", nil)
	w := httptest.NewRecorder()
	page.routes.ServeHTTP(w, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)

	// None of it did anything to either session.
	assert.Equal(t, http.StatusOK, thief.post("/session/refresh", "", nil).Code)
	assert.Equal(t, http.StatusOK, page.post("/session/refresh", "", cross("https://other.example")).Code)
}

// A page of a sibling domain can add a cookie of that name, for the domain. It
// must not keep a logout from ending the session.
func TestBrowser_LogoutWithACookieOfASiblingDomain(t *testing.T) {
	t.Parallel()
	for name, tossed := range map[string][]string{"garbage": {"x"}, "empty": {""}, "many": make([]string, 15)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, rotation.Options{})
			page := newTab(t, h.Sessions, rotation.BrowserOptions{})
			access := page.keep(page.post("/session/login", rightPassword, nil))
			refresh := page.cookies["__Secure-refresh"].Value
			w := page.post("/session/logout", "", func(r *http.Request) {
				r.Header.Del("Cookie")
				for _, value := range append(tossed, refresh) {
					r.Header.Add("Cookie", "__Secure-refresh="+value) // as HTTP/2 may split them
				}
			})
			require.Equal(t, http.StatusNoContent, w.Code)
			h.denies(access)
		})
	}
	h := newHouse(t, rotation.Options{})
	page := newTab(t, h.Sessions, rotation.BrowserOptions{})
	access := page.keep(page.post("/session/login", rightPassword, nil))
	w := page.post("/session/logout", "", func(r *http.Request) {
		r.Header.Add("Cookie", strings.Repeat("__Secure-refresh=x; ", 16))
	})
	assert.Equal(t, http.StatusBadRequest, w.Code, "not done, and said so")
	assert.Empty(t, w.Header().Values("Set-Cookie"))
	h.accepts(access)
}

func TestR14_BrowserKeepsTheCookieWhereNobodyKnows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{ReplayWindow: time.Minute})
	store := &troubled{Store: h.list}
	page := newTab(t, h.node(store, nil), rotation.BrowserOptions{})
	page.keep(page.post("/session/login", rightPassword, nil))
	for _, path := range []string{"/session/refresh", "/session/logout"} {
		store.refuse = 3
		w := page.post(path, "", nil)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
		page.keep(w)
		w = page.post(path, "", nil)
		assert.Less(t, w.Code, 300)
		page.keep(w)
	}
}

func TestBrowser_BadOptions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{})
	require.NoError(t, err)
	for _, opts := range []rotation.BrowserOptions{
		{Path: "session"}, {Path: "/"}, {Path: "/session/"}, {Path: "/{x}"}, {Path: "/a;b"}, {Path: "/a b"},
		{Cookie: "refresh"}, {Cookie: "__Secure-"}, {Cookie: "__Secure-a b"}, {TrustedOrigins: []string{"app.example"}},
	} {
		_, err := rotation.NewBrowser(h.Sessions, lock, passwords, opts)
		assert.Error(t, err, "%+v", opts)
	}
	_, err = rotation.NewBrowser(h.Sessions, nil, passwords, rotation.BrowserOptions{})
	assert.Error(t, err)
	single := h.node(denylist.NewMemory(denylist.MemoryOptions{}), func(o *rotation.Options) { o.Style = rotation.Single })
	_, err = rotation.NewBrowser(single, lock, passwords, rotation.BrowserOptions{})
	assert.Error(t, err)
}
