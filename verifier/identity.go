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
	return http.Header{
		"X-Auth-Issuer":   {HeaderValue(i.Issuer)},
		"X-Auth-Subject":  {HeaderValue(i.Subject)},
		"X-Auth-Session":  {HeaderValue(i.Session)},
		"X-Auth-Scope":    {HeaderValue(strings.Join(i.Scopes, " "))},
		"X-Auth-Token-Id": {HeaderValue(i.TokenID)},
	}
}

// HeaderValue percent-encodes what is not printable ASCII, so that no value
// can add a header or look like another: the percent sign too, and spaces at
// the ends, which HTTP leaves out (RFC 9110, section 5.5).
func HeaderValue(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		atEnd := i == 0 || i == len(s)-1
		if c < ' ' || c > '~' || c == '%' || c == ' ' && atEnd {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
