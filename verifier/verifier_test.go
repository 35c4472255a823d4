package verifier

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVerify_EveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			f := newForge(t, alg)
			var asked list
			claims, err := f.verifier(&asked, Options{}).Verify(t.Context(), f.token())
			require.NoError(t, err)
			assert.Equal(t, testIssuer, claims.Issuer())
			assert.Equal(t, "token-1", claims.ID())
			assert.Equal(t, "user-1", claims.Subject())
			assert.Equal(t, "session-1", claims.Session())
			assert.Equal(t, []string{testAudience}, claims.Audience())
			assert.Equal(t, []string{"read", "write"}, claims.Scopes())
			assert.True(t, claims.HasScope("write"))
			assert.False(t, claims.HasScope("writ"))
			assert.Equal(t, testNow, claims.IssuedAt())
			assert.Equal(t, testNow, claims.Login())
			assert.Equal(t, testNow.Add(15*time.Minute), claims.ExpiresAt())
			assert.Equal(t, "at+jwt", claims.Type())
			assert.Equal(t, f.kid, claims.KeyID())
			assert.Equal(t, claims.Token(), asked.asked[0])
		})
	}
}
