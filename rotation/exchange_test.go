package rotation_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// styles runs a test in both styles.
func styles(t *testing.T, test func(t *testing.T, style rotation.Style)) {
	t.Parallel()
	t.Run("pair", func(t *testing.T) { t.Parallel(); test(t, rotation.Pair) })
	t.Run("single", func(t *testing.T) { t.Parallel(); test(t, rotation.Single) })
}

func TestR8_OneSuccessorEach(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		first := h.login("read", "write")
		second := h.exchange(carrier(first))
		h.accepts(second.Access)
		assert.Equal(t, first.Session, second.Session)
		assert.NotEqual(t, first.AccessID, second.AccessID)
		assert.Equal(t, []string{"read", "write"}, second.Scope)
		assert.Equal(t, first.SessionExpiresAt, second.SessionExpiresAt.UTC())
		h.refuses(carrier(first), denylist.ErrReused)
	})
}

func TestR8_OldAccessTokenIsDenied(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		first := h.login()
		h.accepts(first.Access)
		h.exchange(carrier(first))
		h.denies(first.Access)
	})
}

func TestR8_KeepOldAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{KeepOldAccess: true})
	first := h.login()
	h.exchange(first.Refresh)
	h.accepts(first.Access)
	h.noEntries()
}

func TestR8_NothingIsWrittenForAnExpiredAccessToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{AccessTTL: time.Minute})
	first := h.login()
	h.clock.Set(first.AccessExpiresAt)
	h.exchange(first.Refresh)
	h.noEntries()
}

func (h *house) noEntries() {
	h.t.Helper()
	counts, err := h.list.Counts(h.t.Context())
	require.NoError(h.t, err)
	assert.Zero(h.t, counts.Total())
}

func TestR8_OnlyOurExchangeableTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	h.refuses(h.login().Access, rotation.ErrNotExchangeable)

	other := newHouse(t, rotation.Options{})
	h.refuses(other.login().Refresh, verifier.ErrUnknownKey)

	foreign := *h
	foreign.opts.Issuer = "https://elsewhere.example"
	h.refuses(login(t, foreign.node(h.list, nil), "s").Refresh, verifier.ErrIssuer)

	now := h.clock.Now().Unix()
	for name, claims := range map[string]string{
		"no session":     `"rot":0`,
		"odd session":    `"sid":"session","session_exp":9000000000,"rot":0`,
		"braced session": `"sid":"{2e7a4f5e-6c0a-4e55-9f0f-3a53c6d1a001}","session_exp":9000000000,"rot":0`,
		"endless":        `"sid":"2e7a4f5e-6c0a-4e55-9f0f-3a53c6d1a001","rot":0`,
	} {
		raw, err := h.ring.Sign("rt+jwt", []byte(`{"iss":"`+issuer+`","sub":"s","aud":"`+issuer+`","jti":"j","iat":`+
			itoa(now)+`,"exp":`+itoa(now+60)+`,`+claims+`}`))
		require.NoError(t, err)
		tokens, err := h.Exchange(t.Context(), raw, rotation.Attempt{})
		assert.ErrorIs(t, err, rotation.ErrNotExchangeable, name)
		assert.Zero(t, tokens)
	}
	h.noEntries()
}

// TestR8_EachTypeHasItsPolicy: what is genuine and would do as a token of one
// type is refused as one of the other.
func TestR8_EachTypeHasItsPolicy(t *testing.T) {
	t.Parallel()
	const access, refresh = `"renewable":true,"aud":"rescind"`, `"aud":"` + issuer + `"`
	short, long := time.Hour, 2*time.Hour
	for name, c := range map[string]struct {
		maxAccess, maxRefresh time.Duration
		typ, claims           string
		life                  time.Duration
		want                  error
	}{
		"a refresh token":                       {long, short, "rt+jwt", refresh, short, nil},
		"a renewable token":                     {short, long, "at+jwt", access, short, nil},
		"a refresh token that lives too long":   {long, short, "rt+jwt", refresh, short + time.Second, verifier.ErrLifetime},
		"a renewable token that lives too long": {short, long, "at+jwt", access, short + time.Second, verifier.ErrLifetime},
		"a refresh token for the API":           {short, short, "rt+jwt", `"aud":"rescind"`, short, verifier.ErrAudience},
		"a renewable token for the issuer":      {short, short, "at+jwt", `"renewable":true,` + refresh, short, verifier.ErrAudience},
		"an access token":                       {short, short, "at+jwt", `"aud":"rescind"`, short, rotation.ErrNotExchangeable},
		"a renewable that says it otherwise":    {short, short, "at+jwt", `"renewable":"true","aud":"rescind"`, short, verifier.ErrClaims},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, rotation.Options{RefreshTTL: short, MaxAccessLifetime: c.maxAccess, MaxRefreshLifetime: c.maxRefresh})
			now := h.clock.Now().Unix()
			raw, err := h.ring.Sign(c.typ, []byte(`{"iss":"`+issuer+`","sub":"s","jti":"j","sid":"2e7a4f5e-6c0a-4e55-9f0f-3a53c6d1a001",`+
				`"session_exp":9000000000,"rot":0,"iat":`+itoa(now)+`,"exp":`+itoa(now+int64(c.life.Seconds()))+`,`+c.claims+`}`))
			require.NoError(t, err)
			_, err = h.Exchange(t.Context(), raw, rotation.Attempt{})
			if c.want == nil {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, c.want)
			h.noEntries()
		})
	}
}

func TestR8_AnotherClientsToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens, err := h.Login(t.Context(), rotation.Login{At: h.clock.Now(), Subject: "s", ClientID: "app"})
	require.NoError(t, err)
	for _, client := range []string{"", "other"} {
		_, err := h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{ClientID: client})
		assert.ErrorIs(t, err, rotation.ErrNotExchangeable)
	}
	h.accepts(tokens.Access) // nobody's session dies for that
	next, err := h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{ClientID: "app"})
	require.NoError(t, err)
	assert.Equal(t, "app", member(t, next.Access, 1)["client_id"])

	own := h.login()
	_, err = h.Exchange(t.Context(), own.Refresh, rotation.Attempt{ClientID: "app"})
	assert.ErrorIs(t, err, rotation.ErrNotExchangeable)
}

func TestR8_StyleOfASessionIsItsTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	pair := h.login()
	single := h.node(h.list, func(o *rotation.Options) { o.Style = rotation.Single })
	next, err := single.Exchange(t.Context(), pair.Refresh, rotation.Attempt{})
	require.NoError(t, err)
	assert.NotEmpty(t, next.Refresh)

	begun := login(t, single, "s")
	again := h.exchange(begun.Access)
	assert.Empty(t, again.Refresh)
}

func TestR7_NoLeewayOnExp(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, AccessTTL: time.Hour, RefreshTTL: time.Hour, Leeway: 30 * time.Second})
		tokens := h.login()
		h.clock.Set(tokens.AccessExpiresAt)
		h.refuses(carrier(tokens), verifier.ErrExpired)
		h.clock.Advance(-time.Nanosecond)
		h.exchange(carrier(tokens))
	})
}

func TestR7_NeitherOnTheStoresClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{RefreshTTL: time.Hour})
	behind := h.node(h.list, func(o *rotation.Options) { o.Now = h.clock.ahead(-time.Second) })
	tokens := h.login()
	h.clock.Set(tokens.RefreshExpiresAt)
	_, err := behind.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{})
	assert.ErrorIs(t, err, denylist.ErrExpired)
}

func TestR7_LeewayOnIssuedAtStands(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Leeway: 2 * time.Second})
	ahead := h.node(h.list, func(o *rotation.Options) { o.Now = h.clock.ahead(time.Second) })
	h.exchange(login(t, ahead, "s").Refresh)

	strict := h.node(h.list, func(o *rotation.Options) { o.Leeway = 0 })
	_, err := strict.Exchange(t.Context(), login(t, ahead, "s").Refresh, rotation.Attempt{})
	assert.ErrorIs(t, err, verifier.ErrNotYetValid)
}

func TestR9_DescendantsCarryTheLogin(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		tokens := h.login("read")
		began := member(t, tokens.Access, 1)
		for rot := 1; rot < 4; rot++ {
			h.clock.Advance(time.Minute)
			tokens = h.exchange(carrier(tokens))
			for _, raw := range []string{tokens.Access, carrier(tokens)} {
				claims := member(t, raw, 1)
				for _, name := range []string{"sub", "sid", "auth_time", "auth_ms", "session_exp"} {
					assert.Equal(t, began[name], claims[name], name)
				}
				assert.EqualValues(t, rot, claims["rot"])
			}
		}
	})
}

func TestR6_CutoffIsExactToTheMillisecond(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		// Two nodes whose clocks are a second apart; logins read the store's.
		slow := h.node(h.list, func(o *rotation.Options) { o.Now, o.Leeway = h.clock.ahead(-time.Second), 2*time.Second })
		fast := h.node(h.list, func(o *rotation.Options) { o.Now, o.Leeway = h.clock.ahead(time.Second), 2*time.Second })
		lenient, err := verifier.New(h.list, []verifier.Issuer{h.Issuer()}, verifier.Options{Now: h.clock.Now, Leeway: 2 * time.Second})
		require.NoError(t, err)

		before := login(t, fast, "alice")
		h.clock.Advance(5 * time.Millisecond)
		require.NoError(t, slow.LogoutAll(t.Context(), login(t, slow, "alice").Access))
		h.clock.Advance(5 * time.Millisecond)
		after := login(t, slow, "alice")

		_, err = lenient.Verify(t.Context(), before.Access)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		_, err = fast.Exchange(t.Context(), carrier(before), rotation.Attempt{})
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		_, err = lenient.Verify(t.Context(), after.Access)
		assert.NoError(t, err)
		_, err = fast.Exchange(t.Context(), carrier(after), rotation.Attempt{})
		assert.NoError(t, err)
	})
}

func TestExchange_RevokedMintsNothing(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		subject := uuid.NewString()
		for _, entry := range []func(rotation.Tokens) denylist.Entry{
			func(tk rotation.Tokens) denylist.Entry {
				return denylist.SessionEntry(issuer, tk.Session, tk.SessionExpiresAt)
			},
			func(rotation.Tokens) denylist.Entry { return denylist.SubjectEntry(issuer, subject, time.Time{}) },
			func(rotation.Tokens) denylist.Entry { return denylist.IssuerEntry(issuer, time.Time{}) },
		} {
			h.clock.Advance(time.Millisecond)
			tokens := h.loginAs(subject)
			_, err := h.list.Revoke(t.Context(), entry(tokens))
			require.NoError(t, err)
			h.refuses(carrier(tokens), denylist.ErrRevoked)
		}
	})
}
