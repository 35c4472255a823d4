package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// troubled is a store whose next writes go wrong.
type troubled struct {
	rotation.Store
	loseReplies int    // of so many writes, which are done
	refuse      int    // so many writes, which are not
	cause       error  // of those; default denylist.ErrUnknown
	afterSpend  func() // what happens meanwhile
	attempts    []string
}

func (s *troubled) Spend(ctx context.Context, t denylist.Token, to denylist.Successor, how denylist.Exchange) (denylist.Spent, error) {
	s.attempts = append(s.attempts, to.ID)
	if err := s.refused(); err != nil {
		return denylist.Spent{}, err
	}
	spent, err := s.Store.Spend(ctx, t, to, how)
	if s.afterSpend != nil {
		s.afterSpend()
	}
	if s.loseReplies > 0 {
		s.loseReplies--
		return denylist.Spent{}, fmt.Errorf("%w: connection reset", denylist.ErrUnknown)
	}
	return spent, err
}

func (s *troubled) Revoke(ctx context.Context, entries ...denylist.Entry) (denylist.Receipt, error) {
	if err := s.refused(); err != nil {
		return denylist.Receipt{}, err
	}
	return s.Store.Revoke(ctx, entries...)
}

func (s *troubled) refused() error {
	if s.refuse == 0 {
		return nil
	}
	s.refuse--
	if s.cause != nil {
		return s.cause
	}
	return fmt.Errorf("%w: connection refused", denylist.ErrUnknown)
}

func TestR8_LostReplyFindsItselfTheWinner(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		store := &troubled{Store: h.list, loseReplies: 2}
		s := h.node(store, nil)
		first := h.login()
		second, err := s.Exchange(t.Context(), carrier(first), rotation.Attempt{})
		require.NoError(t, err)
		assert.False(t, second.Replayed)
		require.Len(t, store.attempts, 3)
		assert.Equal(t, store.attempts[0], store.attempts[2], "the same attempt")
		h.accepts(second.Access)
		h.exchange(carrier(second))
	})
}

func TestR8_FailedWriteIsRepeated(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	s := h.node(&troubled{Store: h.list, refuse: 2}, nil)
	_, err := s.Exchange(t.Context(), h.login().Refresh, rotation.Attempt{})
	assert.NoError(t, err)
}

func TestR14_CannotTellMintsNothing(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		first := h.login()
		for _, cause := range []error{nil, denylist.ErrUnavailable, errors.New("something else"), context.DeadlineExceeded} {
			store := &troubled{Store: h.list, refuse: 1 << 20, cause: cause}
			tokens, err := h.node(store, nil).Exchange(t.Context(), carrier(first), rotation.Attempt{})
			assert.Zero(t, tokens)
			assert.LessOrEqual(t, len(store.attempts), 3)
			for _, refusal := range []error{denylist.ErrReused, denylist.ErrExpired, denylist.ErrRevoked, rotation.ErrTooOften, rotation.ErrNotExchangeable} {
				assert.NotErrorIs(t, err, refusal)
			}
			assert.Error(t, err)
		}
		h.exchange(carrier(first)) // nothing was spent
	})
}

func TestR11_ReplayThatCannotBeRevokedIsNotAnswered(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		first := h.login()
		second := h.exchange(carrier(first))
		for _, cause := range []error{nil, denylist.ErrUnavailable, errors.New("something else")} {
			store := &troubled{Store: h.list, cause: cause}
			store.afterSpend = func() { store.refuse = 1 << 20 }
			_, err := h.node(store, nil).Exchange(t.Context(), carrier(first), rotation.Attempt{})
			assert.ErrorIs(t, err, denylist.ErrUnavailable)
			assert.NotErrorIs(t, err, denylist.ErrReused)
		}
		h.accepts(second.Access)
		h.refuses(carrier(first), denylist.ErrReused)
		h.denies(second.Access)
	})
}

func TestR11_HangingUpDoesNotSaveASession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	first := h.login()
	second := h.exchange(first.Refresh)
	ctx, hangUp := context.WithCancel(t.Context())
	s := h.node(&troubled{Store: h.list, afterSpend: hangUp}, nil)
	_, err := s.Exchange(ctx, first.Refresh, rotation.Attempt{})
	assert.ErrorIs(t, err, denylist.ErrReused)
	h.denies(second.Access)
}

func TestExchange_NoRetryOnceTheCallerHasGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	ctx, hangUp := context.WithCancel(t.Context())
	store := &troubled{Store: h.list, loseReplies: 3, afterSpend: hangUp}
	_, err := h.node(store, nil).Exchange(ctx, h.login().Refresh, rotation.Attempt{})
	assert.ErrorIs(t, err, denylist.ErrUnknown)
	assert.Len(t, store.attempts, 1)
}

// A successor that another version put on record, and that this one would not
// sign alike.
func TestR11_SuccessorOfAnotherVersionIsNotSignedAgain(t *testing.T) {
	t.Parallel()
	for _, note := range []string{"", "1", "1 ", "1 x", "2 1772366400", "1 1772366400 more", "1 99999999999999999999", "1 9999999999"} {
		h := newHouse(t, rotation.Options{ReplayWindow: time.Minute})
		first := h.login()
		claims, err := h.Recognize(t.Context(), first.Refresh)
		require.NoError(t, err)
		now := h.clock.Now()
		_, err = h.list.Spend(t.Context(), claims.Token(),
			denylist.Successor{ID: "next", IssuedAt: now, ExpiresAt: now.Add(time.Hour), Note: note}, denylist.Exchange{})
		require.NoError(t, err)
		_, err = h.Exchange(t.Context(), first.Refresh, rotation.Attempt{})
		assert.ErrorIs(t, err, denylist.ErrUnavailable, "note %q", note)
	}
}

func TestLogout_RepeatsWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens := h.login()
	require.NoError(t, h.node(&troubled{Store: h.list, refuse: 2}, nil).Logout(t.Context(), tokens.Access))
	h.denies(tokens.Access)

	err := h.node(&troubled{Store: h.list, refuse: 3}, nil).LogoutAll(t.Context(), tokens.Access)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
}
