package verifier

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnly_TrustsFewer(t *testing.T) {
	t.Parallel()
	const other = "https://other.example"
	f := newForge(t, ES256)
	theirs := f.issuer()
	theirs.Name = other
	var asked list
	v, err := New(&asked, []Issuer{f.issuer(), theirs}, Options{Now: testClock})
	require.NoError(t, err)
	narrow, err := v.Only(testIssuer)
	require.NoError(t, err)

	raw := f.token(map[string]any{"iss": other})
	_, err = narrow.Verify(t.Context(), raw)
	assert.ErrorIs(t, err, ErrIssuer)
	assert.Empty(t, asked.asked, "R1: the denylist is asked last")
	_, err = narrow.Verify(t.Context(), f.token())
	assert.NoError(t, err)
	_, err = v.Verify(t.Context(), raw)
	assert.NoError(t, err, "v is as it was")

	assert.Equal(t, defaultMaxLifetime, v.MaxLifetime(other))
	assert.Zero(t, narrow.MaxLifetime(other), "not trusted there")

	_, err = v.Only(testIssuer, "https://nobody.example")
	assert.Error(t, err)
}
