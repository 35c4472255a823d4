package rotation_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestRefusalOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err    error
		status int
		code   string
	}{
		{rotation.ErrCredentials, 401, "invalid_credentials"},
		{rotation.ErrTooOften, 429, "rate_limited"},
		{rotation.ErrNotExchangeable, 401, "token_invalid"},
		{rotation.ErrNoSession, 404, "not_found"},
		{rotation.ErrUnlisted, 409, "not_listed"},
		{rotation.ErrScope, 400, "invalid_request"},
		{rotation.ErrInvalid, 400, "invalid_request"},
		{denylist.ErrReused, 401, "token_reused"},
		{verifier.ErrMissing, 401, "token_missing"},
		{denylist.ErrUnavailable, 503, "denylist_unavailable"},
		{fmt.Errorf("%w: %w", denylist.ErrUnavailable, rotation.ErrInvalid), 503, "denylist_unavailable"},
		{fmt.Errorf("unheard of"), 503, "denylist_unavailable"},
	} {
		refusal := rotation.RefusalOf(fmt.Errorf("wrapped: %w", row.err))
		assert.Equal(t, row.status, refusal.Status, "%v", row.err)
		assert.Equal(t, row.code, refusal.Code, "%v", row.err)
		assert.Equal(t, row.status == 429 || row.status == 503, refusal.RetryAfter > 0, "%v", row.err)
	}
}
