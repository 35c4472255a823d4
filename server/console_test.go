package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestConsole(t *testing.T) {
	s := newSite(t, siteOptions{})
	got := s.send(s.AdminHandler(), httptest.NewRequest("GET", "/", nil)) // without token: it knows nothing
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", got.Header.Get("Content-Type"))
	policy := got.Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")

	page := string(got.body)
	assert.Equal(t, 1, strings.Count(page, "<script>"), "one script, whose digest is in the policy")
	assert.Equal(t, 1, strings.Count(page, "<style>"))
	for _, forbidden := range []string{"http://", "https://", "src=", "href=", " style=", " onclick=", "innerHTML", "localStorage", "sessionStorage", "document.cookie", "eval("} {
		assert.NotContains(t, page, forbidden)
	}
	// What is shown is text, with its unprintable characters spelt out; an id of
	// dots is not sent, since a browser would ask for another entry.
	assert.Contains(t, page, "e.textContent = visible(text)")
	assert.Contains(t, page, `[".", ".."].includes(idOf(e))`)
	// A token that is pasted says itself what is revoked: no scope is sent beside it.
	assert.Contains(t, page, `else body.token = $("id").value.trim()`)
	// The state, read again, takes back what reading it said, and no other problem.
	assert.Contains(t, page, `if (["", said].includes($("problem").textContent)) $("problem").textContent = said = now;`)
	s.ask("GET", "/", "", "").refused(http.StatusNotFound, "not_found")
}
