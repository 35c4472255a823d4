package server

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// jwksMaxAge is how long others may keep the key set. A new key waits, and is
// published, before it signs.
const jwksMaxAge = "public, max-age=300"

// readyTime is how long readiness may take to tell.
const readyTime = 2 * time.Second

// keys publishes the public keys (RFC 7517).
func (s *Server) keys(a *answer, _ *http.Request) error {
	set, err := s.ring.JWKS()
	if err != nil {
		return err
	}
	a.Header().Set("Cache-Control", jwksMaxAge)
	a.body(http.StatusOK, "application/json", append(set, '\n'))
	return nil
}

// health says that the process is alive, and nothing about what it depends on.
func (s *Server) health(a *answer, _ *http.Request) error {
	return a.json(http.StatusOK, map[string]string{"status": "ok"})
}

// readyBody names what is missing.
type readyBody struct {
	Status  string   `json:"status"`
	Missing []string `json:"missing,omitempty"`
}

// ready says whether this server can tell.
func (s *Server) ready(a *answer, r *http.Request) error {
	var missing []string
	if s.draining.Load() {
		missing = append(missing, "server: it is shutting down")
	}
	signs := func(k rotation.KeyInfo) bool { return k.State == rotation.Signing }
	if !slices.ContainsFunc(s.ring.List(), signs) {
		missing = append(missing, "keys: none signs")
	}
	if err := s.probe(r.Context()); err != nil {
		a.cause = err
		missing = append(missing, "denylist: it cannot tell")
	}
	missing = append(missing, s.withoutKeys()...)
	if loading(s.mirror) {
		missing = append(missing, "mirror: it is loading")
	}
	if len(missing) > 0 {
		a.Header().Set("Retry-After", "1")
		return a.json(http.StatusServiceUnavailable, readyBody{"not ready", missing})
	}
	return a.json(http.StatusOK, readyBody{Status: "ready"})
}

// probe asks the denylist about a token that nobody has: it answers nil, or,
// while the whole issuer is revoked, ErrRevoked. Whatever else it answers, it
// would answer to others too. A mirror is passed by: logins and exchanges need
// Redis however fresh it is, and checks need no more than Redis when it is not.
func (s *Server) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	now := s.opts.Now()
	store := s.store
	if s.mirror != nil {
		store = s.mirror.Redis
	}
	err := store.Check(ctx, denylist.Token{
		Issuer: s.issuer, ID: "readyz", Session: "readyz", Subject: "readyz",
		ExpiresAt: now.Add(time.Minute), Login: now,
	})
	if errors.Is(err, denylist.ErrRevoked) {
		return nil
	}
	return err
}

// versionBody is which build this is.
type versionBody struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Go       string `json:"go"`
}

func (s *Server) build() versionBody {
	body := versionBody{Version: s.opts.Version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				body.Revision = setting.Value
			}
		}
	}
	return body
}

func (s *Server) version(a *answer, _ *http.Request) error { return a.json(http.StatusOK, s.build()) }
