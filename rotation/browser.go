package rotation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rescindhq/rescind/verifier"
)

// BrowserOptions are the settings of a [Browser]. The zero value is safe.
type BrowserOptions struct {
	// Path is where the routes are, and all that the cookie is sent to.
	// Default /session.
	Path string
	// Cookie is the name of the refresh token's cookie. It begins with
	// __Secure-. Default __Secure-refresh.
	Cookie string
	// TrustedOrigins are other origins, https://app.example, whose pages may
	// call the routes. Default: none but their own.
	TrustedOrigins []string
}

const (
	defaultBrowserPath   = "/session"
	defaultBrowserCookie = "__Secure-refresh"
	securePrefix         = "__Secure-"
	maxLoginBody         = 16 << 10 // bytes
	maxTossed            = 16       // cookies of one name, at a logout
)

// Browser is the routes of an application in a browser, which keeps its access
// token in memory and never sees its refresh token: that is in a cookie which
// no script can read, sent to these routes alone. It is safe for concurrent
// use.
//
//	POST <path>/login    201 {"access_token", "token_type", "expires_in"}, and the cookies
//	POST <path>/refresh  200, the same. An Idempotency-Key is honoured: tabs would have to share it
//	POST <path>/logout   204; the session has ended, the cookies are gone
//
// Requests of pages of other origins are refused. The session is bound to a
// second cookie, a verifier.CookieLock's, which a sibling domain cannot set:
// otherwise it could give a browser somebody else's session.
type Browser struct {
	sessions *Sessions
	lock     *verifier.CookieLock
	login    func(*http.Request) (Login, error)
	opts     BrowserOptions
	routes   http.Handler
}

// NewBrowser returns the routes. The lock's MaxAge should be the session's
// whole life, as long as the browser is to remember it.
//
// login looks at the credentials, in a body of at most 16 KiB, and says who it
// is. At and Lock are not its to say. Of its errors ErrCredentials is 401 and
// ErrInvalid 400; any other is 503.
func NewBrowser(s *Sessions, lock *verifier.CookieLock, login func(*http.Request) (Login, error), opts BrowserOptions) (*Browser, error) {
	if s == nil || lock == nil || login == nil {
		return nil, errors.New("rotation: browser: want sessions, a lock and a login")
	}
	if s.opts.Style != Pair {
		return nil, errors.New("rotation: browser: want sessions of pairs")
	}
	if opts.Path == "" {
		opts.Path = defaultBrowserPath
	}
	if opts.Cookie == "" {
		opts.Cookie = defaultBrowserCookie
	}
	b := &Browser{sessions: s, lock: lock, login: login, opts: opts}
	if err := b.validate(); err != nil {
		return nil, fmt.Errorf("rotation: browser: %w", err)
	}
	guard := http.NewCrossOriginProtection()
	for _, origin := range opts.TrustedOrigins {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("rotation: browser: %w", err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		badRequest("The request is from a page of another origin.").Write(w)
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+opts.Path+"/login", b.serveLogin)
	mux.HandleFunc("POST "+opts.Path+"/refresh", b.serveRefresh)
	mux.HandleFunc("POST "+opts.Path+"/logout", b.serveLogout)
	b.routes = guard.Handler(mux)
	return b, nil
}

func (b *Browser) validate() error {
	path := b.opts.Path
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || strings.ContainsAny(path, "{} \t?#%"):
		return fmt.Errorf("path %.40q: want /one or /one/two", path)
	case !strings.HasPrefix(b.opts.Cookie, securePrefix) || b.opts.Cookie == securePrefix:
		return fmt.Errorf("cookie %.40q does not begin with %s", b.opts.Cookie, securePrefix)
	}
	return b.cookie("x", 1).Valid()
}

// ServeHTTP implements http.Handler.
func (b *Browser) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.routes.ServeHTTP(w, r) }

func (b *Browser) serveLogin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLoginBody)
	at, err := b.sessions.Now(r.Context()) // before the credentials are looked at (R6)
	if err != nil {
		RefusalOf(err).Write(w)
		return
	}
	who, err := b.login(r)
	if err != nil {
		RefusalOf(err).Write(w)
		return
	}
	cookie, lock := b.lock.New()
	who.At, who.Lock = at, lock
	tokens, err := b.sessions.Login(r.Context(), who)
	if err != nil {
		RefusalOf(err).Write(w)
		return
	}
	http.SetCookie(w, cookie)
	b.answer(w, http.StatusCreated, tokens)
}

func (b *Browser) serveRefresh(w http.ResponseWriter, r *http.Request) {
	raw, err := b.refreshToken(r)
	if err == nil {
		err = b.checkLock(r, raw)
	}
	if err != nil {
		RefusalOf(err).Write(w)
		return
	}
	attempt := Attempt{IdempotencyKey: r.Header.Get("Idempotency-Key")}
	tokens, err := b.sessions.Exchange(r.Context(), raw, attempt)
	if err != nil {
		// The cookie stays: a login in another tab may just have set the next.
		RefusalOf(err).Write(w)
		return
	}
	b.answer(w, http.StatusOK, tokens)
}

// serveLogout: where it is not known whether the session has ended, the cookie
// stays, so that the request can be repeated.
func (b *Browser) serveLogout(w http.ResponseWriter, r *http.Request) {
	cookies := r.CookiesNamed(b.opts.Cookie)
	if len(cookies) > maxTossed {
		badRequest("Too many cookies of one name.").Write(w)
		return
	}
	// A sibling domain may have set another. Whichever of them is the session's,
	// it ends: it could not be told from here, and this only takes away.
	for _, c := range cookies {
		err := b.sessions.Logout(r.Context(), c.Value)
		if err != nil && RefusalOf(err).Status != http.StatusUnauthorized { // not ours, or never was
			RefusalOf(err).Write(w)
			return
		}
	}
	b.lock.Clear(w)
	http.SetCookie(w, b.cookie("", -1))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// refreshToken is that of the one cookie. Of two, one is not this host's.
func (b *Browser) refreshToken(r *http.Request) (string, error) {
	switch cookies := r.CookiesNamed(b.opts.Cookie); {
	case len(cookies) == 0 || len(cookies) == 1 && cookies[0].Value == "":
		return "", verifier.ErrMissing
	case len(cookies) == 1:
		return cookies[0].Value, nil
	}
	return "", fmt.Errorf("%w: two cookies of one name", verifier.ErrMalformed)
}

func (b *Browser) checkLock(r *http.Request, raw string) error {
	claims, err := b.sessions.Recognize(r.Context(), raw)
	if err != nil {
		return err
	}
	return b.lock.Check(r, claims)
}

// cookie lives for so many seconds; fewer than 0 take it away.
func (b *Browser) cookie(raw string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: b.opts.Cookie, Value: raw, Path: b.opts.Path, MaxAge: seconds,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// answer gives the page its access token, and the browser the refresh token.
func (b *Browser) answer(w http.ResponseWriter, status int, tokens Tokens) {
	left := func(until time.Time) int { return max(int(until.Sub(b.sessions.opts.Now()).Seconds()), 0) }
	http.SetCookie(w, b.cookie(tokens.Refresh, max(left(tokens.RefreshExpiresAt), 1)))
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // a client that is gone needs no answer
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}{tokens.Access, "Bearer", left(tokens.AccessExpiresAt)})
}
