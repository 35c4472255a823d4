package adapters

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// Service is what the routers have in common.
type Service struct {
	sessions *rotation.Sessions
	api      *verifier.Verifier
	lock     *verifier.CookieLock
	sliding  *rotation.Sliding
}

// NewService returns a service whose denylist is store: denylist.Memory here,
// denylist.Redis in earnest.
func NewService(store rotation.Store) (*Service, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	s := new(Service)
	s.sessions, err = rotation.New(ring, store, rotation.Options{
		Issuer: "https://id.example", Style: rotation.Single,
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if s.api, err = verifier.New(store, []verifier.Issuer{s.sessions.Issuer()}, verifier.Options{}); err != nil {
		return nil, err
	}
	if s.lock, err = verifier.NewCookieLock(verifier.CookieLockOptions{}); err != nil {
		return nil, err
	}
	s.sliding, err = rotation.NewSliding(s.sessions, rotation.SlidingOptions{Always: true}) // so that each answer shows it
	return s, err
}

var _ rotation.Store = (*denylist.Memory)(nil)

// middleware is what stands before every route, in this order: who may not
// come in is not renewed.
func (s *Service) middleware() []func(http.Handler) http.Handler {
	return []func(http.Handler) http.Handler{s.api.Middleware, s.lock.Middleware, s.sliding.Middleware}
}

// hello greets whoever the request's token is of.
func hello(w io.Writer, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	fmt.Fprint(w, "hello, ", claims.Subject())
}
