package rotation_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const issuer = "https://issuer.example"

// house is an issuer on a store of its own, with a clock that stands still,
// and a verifier as another service would have it.
type house struct {
	*rotation.Sessions
	t     *testing.T
	clock *clock
	list  *denylist.Memory
	ring  *rotation.KeyRing
	opts  rotation.Options
	api   *verifier.Verifier
}

func newHouse(t *testing.T, opts rotation.Options) *house {
	t.Helper()
	clock := newClock()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{Now: clock.Now})
	require.NoError(t, err)
	h := &house{t: t, clock: clock, ring: ring, list: denylist.NewMemory(denylist.MemoryOptions{Now: clock.Now})}
	opts.Issuer = issuer
	if opts.Now == nil {
		opts.Now = clock.Now
	}
	if opts.RotateEvery == 0 {
		opts.RotateEvery = -1
	}
	h.opts = opts
	h.Sessions = h.node(h.list, nil)
	h.api, err = verifier.New(h.list, []verifier.Issuer{h.Sessions.Issuer()}, verifier.Options{Now: opts.Now})
	require.NoError(t, err)
	return h
}

// node is another node of the same house: with its own view of the store, and
// other settings if change is not nil.
func (h *house) node(store rotation.Store, change func(*rotation.Options)) *rotation.Sessions {
	h.t.Helper()
	opts := h.opts
	if change != nil {
		change(&opts)
	}
	s, err := rotation.New(h.ring, store, opts)
	require.NoError(h.t, err)
	return s
}

// login begins a session of a new subject.
func (h *house) login(scope ...string) rotation.Tokens {
	h.t.Helper()
	return h.loginAs(uuid.NewString(), scope...)
}

func (h *house) loginAs(subject string, scope ...string) rotation.Tokens {
	h.t.Helper()
	return login(h.t, h.Sessions, subject, scope...)
}

func login(t *testing.T, s *rotation.Sessions, subject string, scope ...string) rotation.Tokens {
	t.Helper()
	at, err := s.Now(t.Context())
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), rotation.Login{At: at, Subject: subject, Scope: scope})
	require.NoError(t, err)
	return tokens
}

// exchange is an exchange that must succeed.
func (h *house) exchange(raw string) rotation.Tokens {
	h.t.Helper()
	tokens, err := h.Exchange(h.t.Context(), raw, rotation.Attempt{})
	require.NoError(h.t, err)
	return tokens
}

// refuses asserts why an exchange is refused.
func (h *house) refuses(raw string, want error) {
	h.t.Helper()
	tokens, err := h.Exchange(h.t.Context(), raw, rotation.Attempt{})
	assert.ErrorIs(h.t, err, want)
	assert.Zero(h.t, tokens)
}

// accepts asserts that the API lets an access token in.
func (h *house) accepts(raw string) {
	h.t.Helper()
	_, err := h.api.Verify(h.t.Context(), raw)
	assert.NoError(h.t, err)
}

// denies asserts that the API does not.
func (h *house) denies(raw string) {
	h.t.Helper()
	_, err := h.api.Verify(h.t.Context(), raw)
	assert.ErrorIs(h.t, err, denylist.ErrRevoked)
}

// carrier is what of the tokens is exchanged.
func carrier(t rotation.Tokens) string {
	if t.Refresh != "" {
		return t.Refresh
	}
	return t.Access
}

// sameSuccessor compares what R11 says a retry has in common with the answer that
// was lost.
func sameSuccessor(t *testing.T, want, got rotation.Tokens) {
	t.Helper()
	want.Replayed, got.Replayed = false, false
	want.Access, got.Access, want.Refresh, got.Refresh = "", "", "", ""
	for _, tokens := range []*rotation.Tokens{&want, &got} {
		for _, at := range []*time.Time{&tokens.AccessExpiresAt, &tokens.RefreshExpiresAt, &tokens.IssuedAt, &tokens.SessionExpiresAt} {
			*at = at.UTC()
		}
	}
	assert.Equal(t, want, got)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
