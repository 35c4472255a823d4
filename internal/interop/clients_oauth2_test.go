package interop

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TestOAuth2 is golang.org/x/oauth2 in each way that a client authenticates.
func TestOAuth2(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseOptions{})
	for _, way := range []struct {
		name   string
		client client
		style  oauth2.AuthStyle
	}{
		{"found out", h.Confidential, oauth2.AuthStyleAutoDetect},
		{"client_secret_basic", h.Confidential, oauth2.AuthStyleInHeader},
		{"client_secret_post", h.Confidential, oauth2.AuthStyleInParams},
		{"none", h.Public, oauth2.AuthStyleInParams},
	} {
		t.Run(way.name, func(t *testing.T) {
			config := h.oauth2(way.client, way.style)
			first := h.LoginFor(h.Alice, way.client)
			second, err := config.TokenSource(t.Context(), expired(first)).Token()
			require.NoError(t, err)
			assert.Equal(t, "Bearer", second.Type())
			assert.InDelta(t, 900, time.Until(second.Expiry).Seconds(), 60)
			assert.NotEqual(t, first.RefreshToken, second.RefreshToken)
			assert.Equal(t, http.StatusOK, h.verify(t, h.http, second.AccessToken))

			second.Expiry = time.Now()
			third, err := config.TokenSource(t.Context(), second).Token()
			require.NoError(t, err)
			_, err = config.TokenSource(t.Context(), expired(first)).Token()
			assertRefused(t, http.StatusBadRequest, "invalid_grant", err)
			assert.Equal(t, http.StatusUnauthorized, h.verify(t, h.http, third.AccessToken), "a reused token ends its session")
		})
	}

	impostor := h.oauth2(client{h.Confidential.ID, "guess"}, oauth2.AuthStyleInHeader)
	_, err := impostor.TokenSource(t.Context(), expired(h.LoginFor(h.Alice, h.Confidential))).Token()
	assertRefused(t, http.StatusUnauthorized, "invalid_client", err)
}

func TestOAuth2ClientCredentials(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseOptions{})
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		config := clientcredentials.Config{
			ClientID: h.Confidential.ID, ClientSecret: h.Confidential.Secret,
			TokenURL: h.URL + "/oauth/token", AuthStyle: style, Scopes: []string{"jobs", "read"},
		}
		token, err := config.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "Bearer", token.Type())
		assert.Empty(t, token.RefreshToken)
		assert.Equal(t, "jobs read", token.Extra("scope"))

		// The client that it makes for an application sends the token.
		answer, err := config.Client(t.Context()).Get(h.URL + "/v1/verify?scope=jobs")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		assert.Equal(t, h.Confidential.ID, answer.Header.Get("X-Auth-Subject"))

		config.Scopes = []string{"write"}
		_, err = config.Token(t.Context())
		assertRefused(t, http.StatusBadRequest, "invalid_scope", err)
		config.ClientSecret = "guess"
		_, err = config.Token(t.Context())
		assertRefused(t, http.StatusUnauthorized, "invalid_client", err)
	}
}

// TestOAuth2LostAnswer: two processes share a session, and refresh it at once.
// The library knows no Idempotency-Key, so that it is the replay window that
// lets both go on, although one of them lost its answer.
func TestOAuth2LostAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseOptions{Args: []string{"--replay-window", "1m"}})
	config := h.oauth2(h.Confidential, oauth2.AuthStyleInHeader)
	stored := expired(h.LoginFor(h.Alice, h.Confidential))

	for round := range 3 {
		losing := &lossy{}
		processes := []context.Context{
			t.Context(),
			context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: losing}),
		}
		got := make([]*oauth2.Token, len(processes))
		var wg sync.WaitGroup
		for i, ctx := range processes {
			source := config.TokenSource(ctx, stored)
			wg.Go(func() {
				var err error
				if got[i], err = source.Token(); errors.Is(err, errLost) {
					got[i], err = source.Token()
				}
				assert.NoError(t, err, "process %d, round %d", i, round)
			})
		}
		wg.Wait()
		require.False(t, t.Failed())
		require.True(t, losing.lost.Load(), "an answer was lost")
		for i, token := range got {
			assert.Equal(t, http.StatusOK, h.verify(t, h.http, token.AccessToken), "process %d, round %d", i, round)
		}
		// What a process stores last is what both begin with again.
		stored = got[round%2]
		stored.Expiry = time.Now()
	}
}

// errLost is what a client sees whose connection broke.
var errLost = errors.New("the connection broke")

// lossy loses the first answer: the server has done what it was asked.
type lossy struct{ lost atomic.Bool }

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !l.lost.CompareAndSwap(false, true) {
		return answer, err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return nil, errLost
}

func (h *house) oauth2(c client, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret,
		Endpoint: oauth2.Endpoint{TokenURL: h.URL + "/oauth/token", AuthStyle: style},
	}
}

// expired is a stored token that has to be refreshed before it is used.
func expired(got tokens) *oauth2.Token {
	return &oauth2.Token{
		AccessToken: got.AccessToken, TokenType: got.TokenType,
		RefreshToken: got.RefreshToken, Expiry: time.Now().Add(-time.Minute),
	}
}

func assertRefused(t *testing.T, status int, code string, err error) {
	t.Helper()
	var refused *oauth2.RetrieveError
	if assert.ErrorAs(t, err, &refused) {
		assert.Equal(t, status, refused.Response.StatusCode)
		assert.Equal(t, code, refused.ErrorCode)
		assert.NotEmpty(t, refused.ErrorDescription)
	}
}
