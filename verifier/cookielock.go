package verifier

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// CookieLockOptions are the settings of a [CookieLock]. The zero value is safe.
type CookieLockOptions struct {
	// Name of the cookie. It begins with __Host-: only then do browsers take it
	// from this very host alone, over TLS alone, and not from a sibling domain.
	// Default __Host-lock.
	Name string
	// MaxAge is how long browsers keep the cookie. It should not end before the
	// session does. Default: until the browser is closed.
	MaxAge time.Duration
	// Lax sends the cookie also with a link that leads here from another site
	// (SameSite=Lax). Default Strict.
	Lax bool
	// AllowUnlocked lets tokens pass that are bound to no cookie: those of
	// other clients, or from before. Default: they are refused.
	AllowUnlocked bool
}

// CookieLock binds tokens to a cookie, so that a token which leaks from where
// scripts can read it is worth nothing elsewhere. The cookie is random, the
// token has its SHA-256 in the claim cnf (RFC 7800), as cookie#S256. Who
// verifies tokens and knows nothing of that reads them as ever, with the same
// key set. It is immutable and safe for concurrent use.
type CookieLock struct{ opts CookieLockOptions }

const (
	defaultLockName = "__Host-lock"
	hostPrefix      = "__Host-"
	lockBytes       = 32  // of random: 128 bits are the least (RFC 6749, section 10.10)
	maxLockCookie   = 256 // bytes
)

// NewCookieLock refuses a name without the prefix.
func NewCookieLock(opts CookieLockOptions) (*CookieLock, error) {
	if opts.Name == "" {
		opts.Name = defaultLockName
	}
	if !strings.HasPrefix(opts.Name, hostPrefix) || len(opts.Name) == len(hostPrefix) {
		return nil, fmt.Errorf("verifier: cookie lock: name %.40q does not begin with %s", opts.Name, hostPrefix)
	}
	if opts.MaxAge < 0 {
		return nil, fmt.Errorf("verifier: cookie lock: negative age %v", opts.MaxAge)
	}
	l := &CookieLock{opts}
	if err := l.cookie("x").Valid(); err != nil {
		return nil, fmt.Errorf("verifier: cookie lock: %w", err)
	}
	return l, nil
}

// New returns a new cookie, for http.SetCookie at a login, and what binds
// tokens to it: rotation.Login.Lock. A cookie that came with the request is
// never taken over: somebody else may know it. Tokens of an earlier login in
// that browser are then without their cookie.
func (l *CookieLock) New() (cookie *http.Cookie, lock string) {
	random := make([]byte, lockBytes)
	_, _ = rand.Read(random) // which does not fail
	value := base64.RawURLEncoding.EncodeToString(random)
	return l.cookie(value), lockOf(value)
}

// Clear takes the cookie away, at a logout.
func (l *CookieLock) Clear(w http.ResponseWriter) {
	c := l.cookie("")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func (l *CookieLock) cookie(value string) *http.Cookie {
	c := &http.Cookie{
		Name: l.opts.Name, Value: value, Path: "/", MaxAge: int(l.opts.MaxAge.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if l.opts.Lax {
		c.SameSite = http.SameSiteLaxMode
	}
	return c
}

// lockOf is the claim that belongs to a cookie.
func lockOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Check returns nil if the request has the cookie that the token is bound to,
// otherwise an error wrapping ErrCookieLock. Of two cookies of that name, one
// is not this host's, and nobody knows which.
func (l *CookieLock) Check(r *http.Request, c Claims) error {
	var bound struct {
		Confirmation struct {
			Cookie *string `json:"cookie#S256"`
		} `json:"cnf"`
	}
	if err := c.Decode(&bound); err != nil {
		return err
	}
	lock := bound.Confirmation.Cookie
	if lock == nil {
		if l.opts.AllowUnlocked {
			return nil
		}
		return fmt.Errorf("%w: it is bound to none", ErrCookieLock)
	}
	cookies := r.CookiesNamed(l.opts.Name)
	if len(cookies) != 1 {
		return fmt.Errorf("%w: %d cookies of that name", ErrCookieLock, len(cookies))
	}
	value := cookies[0].Value
	if len(value) > maxLockCookie || subtle.ConstantTimeCompare([]byte(lockOf(value)), []byte(*lock)) != 1 {
		return fmt.Errorf("%w: another one", ErrCookieLock)
	}
	return nil
}

// Middleware is for use behind [Verifier.Middleware], and before anything that
// renews tokens: it lets only requests pass that Check accepts. A request
// without claims is refused as one without a token.
func (l *CookieLock) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := FromContext(r.Context())
		if !ok {
			RefusalOf(ErrMissing).Write(w)
			return
		}
		if err := l.Check(r, claims); err != nil {
			RefusalOf(err).Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
