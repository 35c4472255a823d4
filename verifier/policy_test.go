package verifier

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// policyVerifier trusts the forge's issuer by another policy.
func policyVerifier(t *testing.T, f *forge, change func(*Issuer)) *Verifier {
	t.Helper()
	issuer := f.issuer()
	change(&issuer)
	v, err := New(empty{}, []Issuer{issuer}, Options{Now: testClock})
	require.NoError(t, err)
	return v
}

// R2: a policy narrows what keys may be for; it widens nothing.
func TestR2_PolicyAlgorithms(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	for _, tt := range []struct {
		allowed []Algorithm
		want    error
	}{
		{nil, nil},
		{[]Algorithm{RS256, ES256}, nil},
		{[]Algorithm{RS256}, ErrAlgorithm},
		{[]Algorithm{ES384}, ErrAlgorithm},
	} {
		_, err := policyVerifier(t, f, func(i *Issuer) { i.Algorithms = tt.allowed }).Verify(t.Context(), f.token())
		assert.ErrorIs(t, err, tt.want, "%v", tt.allowed)
	}
	for _, none := range []Algorithm{"", "none", "es256"} {
		issuer := f.issuer()
		issuer.Algorithms = []Algorithm{none}
		_, err := New(empty{}, []Issuer{issuer}, Options{})
		assert.Error(t, err, "%q", none)
	}
}

func TestPolicyScopeClaim(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	scp := policyVerifier(t, f, func(i *Issuer) { i.ScopeClaim = "scp" })
	for _, tt := range []struct {
		name   string
		claims map[string]any
		want   []string
		err    error
	}{
		{"an array", map[string]any{"scp": []string{"read", "write"}}, []string{"read", "write"}, nil},
		{"a string", map[string]any{"scp": "read write"}, []string{"read", "write"}, nil},
		{"none, and a scope", map[string]any{"scope": "admin"}, nil, nil},
		{"both", map[string]any{"scp": "read", "scope": "admin"}, []string{"read"}, nil},
		{"a number", map[string]any{"scp": 7}, nil, ErrClaims},
		{"null", map[string]any{"scp": json.RawMessage("null")}, nil, ErrClaims},
		{"two scopes in one", map[string]any{"scp": []string{"read write"}}, nil, ErrClaims},
		{"in the wrong case", map[string]any{"SCP": "read"}, nil, ErrMalformed},
	} {
		claims, err := scp.Verify(t.Context(), f.token(tt.claims))
		require.ErrorIs(t, err, tt.err, tt.name)
		assert.Equal(t, tt.want, claims.Scopes(), tt.name)
	}
	claims, err := f.verifier(empty{}, Options{}).Verify(t.Context(), f.token(map[string]any{"scp": []string{"admin"}}))
	require.NoError(t, err)
	assert.False(t, claims.HasScope("admin"), "no policy, no other name")
}

func TestPolicySessionClaim(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	v := policyVerifier(t, f, func(i *Issuer) { i.SessionClaim, i.ScopeClaim = "session_state", "permissions" })
	claims, err := v.Verify(t.Context(), f.token(map[string]any{"session_state": "theirs", "permissions": []string{"read:all"}}))
	require.NoError(t, err)
	assert.Equal(t, "theirs", claims.Session())
	assert.Equal(t, "theirs", claims.Token().Session)
	assert.True(t, claims.HasScope("read:all"))
	claims, err = v.Verify(t.Context(), f.token(map[string]any{"jti": "another"}))
	require.NoError(t, err)
	assert.Empty(t, claims.Session())
	_, err = v.Verify(t.Context(), f.token(map[string]any{"session_state": ""}))
	assert.ErrorIs(t, err, ErrClaims)

	for _, taken := range []string{"iss", "sub", "jti", "sid", "exp"} {
		issuer := f.issuer()
		issuer.ScopeClaim = taken
		_, err := New(empty{}, []Issuer{issuer}, Options{})
		assert.Error(t, err, taken)
	}
	issuer := f.issuer()
	issuer.ScopeClaim, issuer.SessionClaim = "x", "x"
	_, err = New(empty{}, []Issuer{issuer}, Options{})
	assert.Error(t, err, "one claim for two")
}

func TestR5_SessionLife(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	for _, tt := range []struct{ life, lifetime, want time.Duration }{
		{0, 0, 90 * 24 * time.Hour},
		{time.Hour, time.Minute, time.Hour},
		{time.Hour, 0, 24 * time.Hour},
		{0, 100 * 24 * time.Hour, 100 * 24 * time.Hour},
	} {
		v := policyVerifier(t, f, func(i *Issuer) { i.SessionLife, i.MaxLifetime = tt.life, tt.lifetime })
		assert.Equal(t, tt.want, v.SessionLife(testIssuer))
		assert.Zero(t, v.SessionLife("https://nobody.example"))
	}
	issuer := f.issuer()
	issuer.SessionLife = -1
	_, err := New(empty{}, []Issuer{issuer}, Options{})
	assert.Error(t, err)
}

// What may be revoked: what was genuine once, whenever that was.
func TestRecognize(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	v := f.verifier(empty{}, Options{})
	old := map[string]any{"iat": testNow.Add(-2 * time.Hour).Unix(), "exp": testNow.Add(-time.Hour).Unix()}
	_, err := v.Verify(t.Context(), f.token(old))
	require.ErrorIs(t, err, ErrExpired)
	claims, err := v.Recognize(t.Context(), f.token(old))
	require.NoError(t, err)
	assert.Equal(t, "token-1", claims.ID())
	other := newForge(t, ES384)
	other.kid = f.kid
	_, err = v.Recognize(t.Context(), other.token())
	assert.Error(t, err)
	_, err = v.Recognize(t.Context(), f.token(map[string]any{"aud": "another"}))
	assert.ErrorIs(t, err, ErrAudience)
}
