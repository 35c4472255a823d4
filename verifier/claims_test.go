package verifier

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// said verifies the honest claims, changed, and returns what they say.
func said(t *testing.T, claims map[string]any) Claims {
	t.Helper()
	f := newForge(t, HS256)
	c, err := f.verifier(empty{}, Options{}).Verify(t.Context(), f.token(claims))
	require.NoError(t, err)
	return c
}

func TestClaims_SayWhatTheTokenSays(t *testing.T) {
	t.Parallel()
	c := said(t, map[string]any{
		"aud": []string{"other", "api"}, "client_id": "app", "rot": 7, "renewable": true, "nbf": testNow.Unix() - 1,
		"auth_time": testNow.Unix() - 3600, "auth_ms": testNow.UnixMilli() - 3600_000 + 123, "session_exp": testNow.Unix() + 3600,
	})
	assert.Equal(t, testIssuer, c.Issuer())
	assert.Equal(t, "token-1", c.ID())
	assert.Equal(t, "user-1", c.Subject())
	assert.Equal(t, "session-1", c.Session())
	assert.Equal(t, "app", c.ClientID())
	assert.Equal(t, []string{"other", "api"}, c.Audience())
	assert.Equal(t, []string{"read", "write"}, c.Scopes())
	assert.Equal(t, testNow, c.IssuedAt())
	assert.Equal(t, testNow.Add(-time.Second), c.NotBefore())
	assert.Equal(t, testNow.Add(15*time.Minute), c.ExpiresAt())
	assert.Equal(t, testNow.Add(-time.Hour+123*time.Millisecond), c.Login())
	assert.Equal(t, testNow.Add(time.Hour), c.SessionExpiresAt())
	assert.Equal(t, int64(7), c.Rotation())
	assert.True(t, c.Renewable())
	assert.Equal(t, "at+jwt", c.Type())
	assert.Equal(t, denylist.Token{
		Issuer: testIssuer, ID: "token-1", Session: "session-1", Subject: "user-1",
		ExpiresAt: c.ExpiresAt(), Login: c.Login(), Rotation: 7,
	}.Prepared(), c.Token())
}

func TestClaims_Absent(t *testing.T) {
	t.Parallel()
	c := said(t, map[string]any{"sub": nil, "sid": nil, "scope": nil})
	assert.Empty(t, c.Subject())
	assert.Empty(t, c.Session())
	assert.Empty(t, c.ClientID())
	assert.Empty(t, c.Scopes())
	assert.False(t, c.HasScope(""))
	assert.Zero(t, c.NotBefore())
	assert.Zero(t, c.SessionExpiresAt())
	assert.Zero(t, c.Rotation())
	assert.False(t, c.Renewable())
}

func TestClaims_TheZeroClaimsSayNothing(t *testing.T) {
	t.Parallel()
	var c Claims
	assert.Empty(t, c.ID())
	assert.Empty(t, c.Audience())
	assert.Empty(t, c.Scopes())
	assert.False(t, c.HasScope("read"))
	assert.Zero(t, c.Token())
	assert.Zero(t, c.ExpiresAt())
	var all map[string]any
	assert.ErrorIs(t, c.Decode(&all), ErrClaims)
}

// auth_ms is believed only where auth_time agrees. Otherwise the login is a
// whole second, never later than the truth.
func TestR6_Login(t *testing.T) {
	t.Parallel()
	second := testNow.Unix() - 100
	instant := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	for _, test := range []struct {
		name   string
		claims map[string]any
		want   time.Time
	}{
		{"both, agreeing", map[string]any{"auth_time": second, "auth_ms": second*1000 + 999}, instant(second*1000 + 999)},
		{"both, agreeing on zero", map[string]any{"auth_time": 0, "auth_ms": 0}, instant(0)},
		{"auth_ms a second later", map[string]any{"auth_time": second, "auth_ms": second*1000 + 1000}, instant(second * 1000)},
		{"auth_ms a millisecond earlier", map[string]any{"auth_time": second, "auth_ms": second*1000 - 1}, instant(second * 1000)},
		{"auth_ms far away", map[string]any{"auth_time": second, "auth_ms": int64(1)<<62 + 1}, instant(second * 1000)},
		{"auth_ms alone", map[string]any{"auth_ms": second*1000 + 999}, testNow},
		{"auth_time alone", map[string]any{"auth_time": second}, instant(second * 1000)},
		{"auth_time with a fraction", map[string]any{"auth_time": jsontext.Value("1000.999"), "auth_ms": 1000_999}, instant(1000_000)},
		{"auth_time after iat", map[string]any{"auth_time": testNow.Unix() + 5}, testNow},
		{"auth_time beyond all dates", map[string]any{"auth_time": jsontext.Value("1e300")}, testNow},
		{"neither", nil, testNow},
		{"neither, iat with a fraction", map[string]any{"iat": jsontext.Value("1893553444.999")}, instant(1893553444_000)},
	} {
		assert.Equal(t, test.want, said(t, test.claims).Login(), test.name)
	}
}

func TestClaims_Scope(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scope   any
		has     []string
		hasNot  []string
		asAList []string
	}{
		{"read write", []string{"read", "write"}, []string{"", " ", "rea", "read write", "READ", "write "}, []string{"read", "write"}},
		{"  read   write ", []string{"read", "write"}, []string{""}, []string{"read", "write"}},
		{"read\twrite", []string{"read\twrite"}, []string{"read"}, []string{"read\twrite"}},
		{"", nil, []string{""}, []string{}},
		{[]string{"read", "write"}, []string{"read", "write"}, []string{"", "read write"}, []string{"read", "write"}},
		{[]string{}, nil, []string{""}, nil},
		{jsontext.Value(`"r\u0065ad\u0020write"`), []string{"read", "write"}, nil, []string{"read", "write"}},
		{jsontext.Value(` [ "r\u0065ad" , "write" ] `), []string{"read", "write"}, []string{"r\\u0065ad"}, []string{"read", "write"}},
	} {
		c := said(t, map[string]any{"scope": test.scope})
		assert.Equal(t, test.asAList, c.Scopes(), "%v", test.scope)
		for _, scope := range test.has {
			assert.True(t, c.HasScope(scope), "%v has %q", test.scope, scope)
		}
		for _, scope := range test.hasNot {
			assert.False(t, c.HasScope(scope), "%v has %q", test.scope, scope)
		}
	}
}

func TestClaims_Audience(t *testing.T) {
	t.Parallel()
	for _, aud := range []any{
		"api", []string{"api"}, []string{"a", "b", "api"}, jsontext.Value(`["\u0061pi"]`), jsontext.Value(` [ "x" , "api" ] `),
		strings.Split(strings.Repeat("x,", maxAudiences-1)+"api", ","),
	} {
		assert.Contains(t, said(t, map[string]any{"aud": aud}).Audience(), "api", "%v", aud)
	}
}

// What a caller does with a list does not reach the claims, which a cache may
// hand to others.
func TestClaims_AreImmutable(t *testing.T) {
	t.Parallel()
	c := said(t, map[string]any{"aud": []string{"api", "b"}})
	c.Audience()[0] = "changed"
	c.Scopes()[0] = "admin"
	assert.Equal(t, []string{"api", "b"}, c.Audience())
	assert.False(t, c.HasScope("admin"))
}

func TestClaims_Decode(t *testing.T) {
	t.Parallel()
	c := said(t, map[string]any{"tenant": "acme", "roles": []string{"a", "b"}, "Tenant": "not this one"})
	var into struct {
		Subject string   `json:"sub"`
		Tenant  string   `json:"tenant"`
		Roles   []string `json:"roles"`
	}
	require.NoError(t, c.Decode(&into))
	assert.Equal(t, "user-1", into.Subject)
	assert.Equal(t, "acme", into.Tenant)
	assert.Equal(t, []string{"a", "b"}, into.Roles)

	var wrong struct {
		Tenant int `json:"tenant"`
	}
	assert.ErrorIs(t, c.Decode(&wrong), ErrClaims)
}
