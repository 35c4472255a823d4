package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// refreshKeysEvery is how often it is looked whether another issuer's keys are
// due: a fetch itself is rare.
const refreshKeysEvery = time.Second

// refreshKeys fetch other issuers' keys before they are due, so that no request
// waits for them.
func (s *Server) refreshKeys() []Task {
	var tasks []Task
	for issuer, remote := range s.verifier.Remotes() {
		tasks = append(tasks, Task{Name: "keys of " + issuer, Every: refreshKeysEvery, Do: remote.Refresh})
	}
	return tasks
}

// withoutKeys are the issuers whose keys were never fetched: nobody can tell
// whether their tokens are genuine.
func (s *Server) withoutKeys() []string {
	var missing []string
	for issuer, remote := range s.verifier.Remotes() {
		if remote.Stats().FetchedAt.IsZero() {
			missing = append(missing, "keys: never fetched those of "+issuer)
		}
	}
	slices.Sort(missing)
	return missing
}

// recognize says whose token is to be revoked: ours, of any type, or another
// issuer's; it may have expired.
func (o *operatorAPI) recognize(ctx context.Context, raw string) (verifier.Claims, error) {
	claims, err := o.sessions.Recognize(ctx, raw)
	if errors.Is(err, verifier.ErrIssuer) {
		return o.verifier.Recognize(ctx, raw)
	}
	return claims, err
}

// lifetime is how long an entry must last whose end is not known (R5). The
// store's own default, 0, is about our tokens; for others it is what their
// policy says, and for an issuer that nobody here trusts, a long session.
func (o *operatorAPI) lifetime(name entryName) time.Duration {
	switch {
	case name.issuer == o.issuer:
		return 0
	case name.scope == denylist.ScopeToken:
		return cmp.Or(o.verifier.MaxLifetime(name.issuer), foreignLife)
	}
	return cmp.Or(o.verifier.SessionLife(name.issuer), foreignLife)
}
