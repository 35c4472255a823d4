// Package server is the HTTP surface: login and sessions, forward auth, key
// set and health on the main listener, the operator's API on another.
//
// docs/http.md is the contract. Every refusal comes from one table of errors,
// and every request leaves one log record, without tokens, passwords, ids or
// paths.
package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// Options are the settings of a [Server]. The zero value is safe: no login
// route, no admin listener.
type Options struct {
	Addr      string // main listener; default 127.0.0.1:8080
	AdminAddr string // admin listener; default 127.0.0.1:8081

	Login Authenticator // nil: no login route
	// LoginFailures is how many logins may fail for one name, and
	// LoginFailuresPerAddress from one address, before there is one attempt per
	// wait: denylist.Limits. 0: 10 and 100; negative: they are not counted. The
	// store counts them: it must be a denylist.Throttle, or both be negative.
	LoginFailures, LoginFailuresPerAddress int
	// TrustedProxies are the addresses whose X-Forwarded-For is believed. None:
	// a client's address is the connection's.
	TrustedProxies []netip.Prefix

	// Clients are the clients of OAuth. Nil: there are none, so that only
	// pairs that are nobody's are refreshed, and nobody can introspect.
	Clients ClientAuthenticator
	// AdminToken opens the admin API; at least 32 printable ASCII characters,
	// none of them a space. Empty: no admin listener.
	AdminToken string

	TLSCert, TLSKey string // PEM files, of both listeners; both or none; re-read when they change

	// ForwardAuthIssuers are issuers, beside our own, whose tokens /v1/verify
	// accepts. The verifier must trust them.
	ForwardAuthIssuers []string

	// ForwardAuthAPIKeys accepts at /v1/verify, in place of a token, a client's
	// key in the header X-API-Key. The denylist is asked for the client and the
	// issuer; a key outlives their entries, and only the clients file ends it for
	// good.
	ForwardAuthAPIKeys bool

	// CORSOrigins are the origins whose pages may ask, each as a browser writes
	// it: https://app.example. None: no page of another origin.
	CORSOrigins []string

	// Tasks are what Run does again and again while it serves, such as
	// inspecting the store. It reads the signing keys again by itself.
	Tasks []Task

	// DrainTime is how long after readiness has dropped the listeners still
	// accept, so that a load balancer can go elsewhere. Default 0.
	DrainTime time.Duration
	// ShutdownTime is what requests in flight have after that. Default 10 s.
	ShutdownTime time.Duration

	Logger  *slog.Logger // default: discard
	Version string       // of the build
	Now     func() time.Time
}

// Task is work that [Server.Run] repeats. An error is logged when it is
// another one than before, and ends nothing.
type Task struct {
	Name  string
	Every time.Duration
	Do    func(ctx context.Context) error
}

// Authenticator checks a password: the hook for users that are kept elsewhere
// than in [Users]. It takes the same time whether or not the user exists, and
// bounds by itself how much it does at once. It is safe for concurrent use. The
// server counts failures before it asks, by the name as it was given. One that
// has a method Health() error is asked for it after each login, and a change is
// logged.
type Authenticator interface {
	// Authenticate returns who that is, an error wrapping ErrCredentials or
	// ErrBusy, or any other error if it cannot tell.
	Authenticate(ctx context.Context, username, password string) (Identity, error)
}

// Identity is who logged in.
type Identity struct {
	Subject string // a UUID, never reused; not the login name
	Scope   []string
}

// minAdminToken is the fewest characters of an admin token.
const minAdminToken = 32

// Server serves one issuer.
type Server struct {
	sessions *rotation.Sessions
	store    denylist.Store
	mirror   *denylist.Mirror // the store, if it is one; it answers no exchange and no probe
	verifier *verifier.Verifier
	callers  *verifier.Verifier // only of the tokens that /v1/verify and /v1/session accept
	issuer   string
	ring     *rotation.KeyRing

	opts        Options
	adminToken  [sha256.Size]byte
	log         *slog.Logger
	metrics     *metrics
	started     time.Time
	draining    atomic.Bool
	loginState  changes // of the Authenticator's Health
	clientState changes // of the ClientAuthenticator's
	streams     streams
	throttle    denylist.Throttle // nil: failed logins are not counted

	metadataJSON []byte // nil: the issuer is no URL

	main, admin http.Handler
}

// New wires a server. Nothing listens before Run. v must trust the issuer of
// sessions and every one of ForwardAuthIssuers. All three should ask one store.
// If that is a *denylist.Mirror, whoever calls Run runs the mirror beside it;
// the server is not ready before the mirror's first load has come to its end.
func New(sessions *rotation.Sessions, v *verifier.Verifier, store denylist.Store, opts Options) (*Server, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	ours := sessions.Issuer()
	callers, err := v.Only(append([]string{ours.Name}, opts.ForwardAuthIssuers...)...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	ring, ok := ours.Keys.(*rotation.KeyRing)
	if !ok {
		return nil, errors.New("server: the issuer's keys are not a ring that can be published")
	}
	s := &Server{
		sessions:   sessions,
		store:      store,
		verifier:   v,
		callers:    callers,
		issuer:     ours.Name,
		ring:       ring,
		opts:       opts,
		adminToken: sha256.Sum256([]byte(opts.AdminToken)),
		log:        opts.Logger,
		started:    opts.Now(),
	}
	s.mirror, _ = store.(*denylist.Mirror)
	if s.throttle, err = opts.throttleOn(store); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(opts.Version, v, s.mirror)
	if s.metadataJSON, err = newMetadata(ours.Name, opts.Clients != nil); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.main = s.mainRoutes()
	if opts.AdminToken != "" {
		operator, ok := store.(denylist.Operator)
		if !ok {
			return nil, errors.New("server: an admin token, but the store has nothing for operators")
		}
		s.admin = s.adminRoutes(operator)
	}
	return s, nil
}

// complete checks the options and puts the defaults in.
func (o *Options) complete() error {
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case o.AdminToken != "" && (len(o.AdminToken) < minAdminToken || strings.ContainsFunc(o.AdminToken, unprintable)):
		return fmt.Errorf("server: admin token refused: want at least %d printable ASCII characters without spaces", minAdminToken)
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return errors.New("server: want both a TLS certificate and its key, or none")
	case o.DrainTime < 0 || o.ShutdownTime < 0:
		return errors.New("server: negative time to shut down")
	case o.ForwardAuthAPIKeys && o.Clients == nil:
		return errors.New("server: API keys at /v1/verify, but no clients")
	}
	if err := checkOrigins(o.CORSOrigins); err != nil {
		return err
	}
	for _, task := range o.Tasks {
		if task.Every <= 0 || task.Do == nil {
			return fmt.Errorf("server: task %q: want something to do, and an interval", task.Name)
		}
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:8080"
	}
	if o.AdminAddr == "" {
		o.AdminAddr = "127.0.0.1:8081"
	}
	o.LoginFailures = cmp.Or(o.LoginFailures, defaultLoginFailures)
	o.LoginFailuresPerAddress = cmp.Or(o.LoginFailuresPerAddress, defaultLoginFailuresPerAddress)
	if o.ShutdownTime == 0 {
		o.ShutdownTime = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Handler is the main listener's handler.
func (s *Server) Handler() http.Handler { return s.main }

// AdminHandler is the admin listener's handler; nil without an admin token.
func (s *Server) AdminHandler() http.Handler { return s.admin }
