package main

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestBrowser(t *testing.T) {
	t.Parallel()
	routes, err := newService(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	web := httptest.NewTLSServer(routes)
	t.Cleanup(web.Close)
	client := web.Client()
	client.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)

	send := func(method, path, body, access, site string) (status int, token string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Sec-Fetch-Site", site)
		if access != "" {
			r.Header.Set("Authorization", "Bearer "+access)
		}
		answer, err := client.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		var tokens struct {
			Access string `json:"access_token"`
		}
		_ = json.NewDecoder(answer.Body).Decode(&tokens)
		return answer.StatusCode, tokens.Access
	}
	post := func(path, body string) (int, string) {
		return send(http.MethodPost, "/session/"+path, body, "", "same-origin")
	}
	hello := func(access string) int {
		status, _ := send(http.MethodGet, "/api/hello", "", access, "same-origin")
		return status
	}

	status, _ := post("login", `{"user":"mallory"}`)
	assert.Equal(t, http.StatusUnauthorized, status)
	status, first := post("login", `{"user":"alice"}`)
	require.Equal(t, http.StatusCreated, status)
	assert.Equal(t, http.StatusOK, hello(first))

	status, second := post("refresh", "") // as a page that was reloaded does
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, http.StatusOK, hello(second))
	status, _ = send(http.MethodPost, "/session/refresh", "", "", "cross-site")
	assert.Equal(t, http.StatusBadRequest, status, "another site's page")

	status, _ = post("logout", "")
	require.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, http.StatusUnauthorized, hello(second))
	status, _ = post("refresh", "")
	assert.Equal(t, http.StatusUnauthorized, status)
}
