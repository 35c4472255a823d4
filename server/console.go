package server

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// consolePage is the whole console: it fetches nothing but the admin API. The
// admin token is typed into it and stays in its memory.
//
//go:embed console.html
var consolePage string

// consolePolicy lets the page's own script and style run, by their digests,
// and nothing else (Content Security Policy Level 3, section 8.4).
func consolePolicy() string {
	return fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		digestOf("script"), digestOf("style"))
}

// digestOf is the digest of what stands between an element's tags.
func digestOf(element string) string {
	_, rest, _ := strings.Cut(consolePage, "<"+element+">")
	content, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// console shows the page to anybody who reaches the admin listener: it knows
// nothing.
func (s *Server) console(a *answer, _ *http.Request) error {
	header := a.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", consolePolicy())
	header.Set("Referrer-Policy", "no-referrer")
	a.body(http.StatusOK, "text/html; charset=utf-8", []byte(consolePage))
	return nil
}
