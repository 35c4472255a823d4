package verifier

import (
	"net/http"
	"strings"
)

// Identity is who is asking, as gateways tell what is behind them.
type Identity struct {
	Issuer, Subject, Session, TokenID string
	Scopes                            []string
}

// Identity is who a token is about.
func (c Claims) Identity() Identity {
	return Identity{c.Issuer(), c.Subject(), c.Session(), c.ID(), c.Scopes()}
}

// Headers are X-Auth-Issuer, -Subject, -Session, -Scope and -Token-Id, by
// their canonical names, with values as [HeaderValue] writes them. All five are
// always there, empty ones too: whoever sets them all overwrites what a client
// may have sent by these names.
func (i Identity) Headers() http.Header {
	header := make(http.Header, 5)
	i.SetHeaders(header)
	return header
}

// SetHeaders sets all that [Identity.Headers] are.
func (i Identity) SetHeaders(header http.Header) {
	values := []string{
		HeaderValue(i.Issuer), HeaderValue(i.Subject), HeaderValue(i.Session),
		HeaderValue(strings.Join(i.Scopes, " ")), HeaderValue(i.TokenID),
	}
	for n, name := range [...]string{"X-Auth-Issuer", "X-Auth-Subject", "X-Auth-Session", "X-Auth-Scope", "X-Auth-Token-Id"} {
		header[name] = values[n : n+1 : n+1]
	}
}

// HeaderValue percent-encodes what is not printable ASCII, so that no value
// can add a header or look like another: the percent sign too, and spaces at
// the ends, which HTTP leaves out (RFC 9110, section 5.5).
func HeaderValue(s string) string {
	plain := 0
	for plain < len(s) && inHeader(s, plain) {
		plain++
	}
	if plain == len(s) {
		return s // as nearly always
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString(s[:plain])
	for i := plain; i < len(s); i++ {
		if c := s[i]; inHeader(s, i) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// inHeader reports whether a byte of s stands in a header as it is.
func inHeader(s string, i int) bool {
	c := s[i]
	atEnd := i == 0 || i == len(s)-1
	return c >= ' ' && c <= '~' && c != '%' && (c != ' ' || !atEnd)
}
