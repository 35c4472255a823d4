// Package server is the HTTP surface: login and sessions, forward auth, key
// set and health on the main listener, the operator's API on another.
package server

import (
	"context"
	"log/slog"
	"net/http"
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
	// AdminToken opens the admin API; at least 32 characters. Empty: no admin
	// listener.
	AdminToken string

	TLSCert, TLSKey string // PEM files; both or none; re-read when they change

	// ForwardAuthIssuers are issuers, beside our own, whose tokens /v1/verify
	// accepts.
	ForwardAuthIssuers []string

	Logger  *slog.Logger // default: discard
	Version string       // of the build
	Now     func() time.Time
}

// Authenticator checks a password. It takes the same time whether or not the
// user exists.
type Authenticator interface {
	// Authenticate returns who that is, an error wrapping ErrCredentials, or
	// any other error if it cannot tell.
	Authenticate(ctx context.Context, username, password string) (Identity, error)
}

// Identity is who logged in.
type Identity struct {
	Subject string // a UUID, never reused; not the login name
	Scope   []string
}

// Server serves one issuer.
type Server struct{}

// New wires a server. Nothing listens before Run.
func New(sessions *rotation.Sessions, v *verifier.Verifier, store denylist.Store, opts Options) (*Server, error) {
	panic("skeleton")
}

// Handler is the main listener's handler.
func (s *Server) Handler() http.Handler { panic("skeleton") }

// AdminHandler is the admin listener's handler; nil without an admin token.
func (s *Server) AdminHandler() http.Handler { panic("skeleton") }

// Run listens and serves until ctx ends, then drops readiness, finishes what
// is in flight and returns nil. ready is called once with the addresses.
func (s *Server) Run(ctx context.Context, ready func(addr, adminAddr string)) error {
	panic("skeleton")
}
