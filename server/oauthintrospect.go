package server

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/verifier"
)

// introspectionBody is what a resource server may know of a token that is
// alive (RFC 7662, section 2.2). A refresh token says so by its token_type and
// its audience, and has no scope: it opens nothing.
type introspectionBody struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type"` // Bearer, or refresh_token
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud"`
	ClientID  string   `json:"client_id,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	ID        string   `json:"jti"`
	Session   string   `json:"sid,omitempty"`
	IssuedAt  int64    `json:"iat"`
	ExpiresAt int64    `json:"exp"`
	NotBefore int64    `json:"nbf,omitzero"`
	AuthTime  int64    `json:"auth_time,omitzero"`
	// Confirmation is what a token is bound to (RFC 7800): who does not check
	// it must not accept the token.
	Confirmation jsontext.Value `json:"cnf,omitzero"`
}

// inactive is all that anybody learns of a token that is not alive.
const inactive = `{"active":false}`

// introspect is the introspection endpoint (RFC 7662), for confidential clients:
// whoever may ask about any token could otherwise try out what it has found.
func (s *Server) introspect(a *answer, r *http.Request) error {
	form, err := readForm(a, r)
	if err != nil {
		return err
	}
	if _, err := s.confidentialClient(r, form); err != nil {
		return err
	}
	raw, ok := form["token"]
	if !ok {
		return badRequest("The token is missing.")
	}
	claims, err := s.sessions.Alive(r.Context(), raw)
	if err != nil && !isDead(err) {
		return err
	}
	s.metrics.oauth.introspection(err == nil)
	if err != nil {
		a.Header().Set("Cache-Control", "no-store")
		a.body(http.StatusOK, "application/json", []byte(inactive))
		return nil
	}
	body, err := introspectionOf(claims)
	if err != nil {
		return err
	}
	return a.json(http.StatusOK, body)
}

func introspectionOf(c verifier.Claims) (introspectionBody, error) {
	body := introspectionBody{
		Active:    true,
		TokenType: "Bearer",
		Issuer:    c.Issuer(),
		Subject:   c.Subject(),
		Audience:  c.Audience(),
		ClientID:  c.ClientID(),
		Scope:     strings.Join(c.Scopes(), " "),
		ID:        c.ID(),
		Session:   c.Session(),
		IssuedAt:  c.IssuedAt().Unix(),
		ExpiresAt: c.ExpiresAt().Unix(),
	}
	if c.Type() == refreshType {
		body.TokenType = grantRefresh
	}
	if nbf := c.NotBefore(); !nbf.IsZero() {
		body.NotBefore = nbf.Unix()
	}
	if login := c.Login(); !login.IsZero() {
		body.AuthTime = login.Unix()
	}
	var bound struct {
		Confirmation jsontext.Value `json:"cnf"`
	}
	if err := c.Decode(&bound); err != nil {
		return introspectionBody{}, err
	}
	body.Confirmation = bound.Confirmation
	return body, nil
}
