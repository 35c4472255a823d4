package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ClientAuthenticator knows the clients of OAuth: [Clients] is one.
type ClientAuthenticator interface {
	// AuthenticateClient returns the client whose secret that is, an error
	// wrapping ErrClient, or any other error if it cannot tell. A public client
	// has the empty secret, and no other client ever has. It takes the same
	// time whether or not the client exists.
	AuthenticateClient(ctx context.Context, id, secret string) (Client, error)
}

// apiKeyHeader is where a machine may send its key instead of a token.
const apiKeyHeader = "X-Api-Key"

// credentials are what a request says of its client.
type credentials struct {
	id, secret string
	given      bool
}

// clientOf authenticates the client of a request to /oauth/*: by HTTP Basic or
// in the form, never by both (RFC 6749, section 2.3). A client_id alone is that
// of a public client. Without either, there is no client, which is no error.
func (s *Server) clientOf(r *http.Request, form parametersOf) (Client, error) {
	basic, err := basicCredentials(r)
	if err != nil {
		return Client{}, err
	}
	id, inForm := form["client_id"]
	secret, hasSecret := form["client_secret"]
	switch {
	case basic.given && hasSecret:
		return Client{}, badRequest("The client authenticates twice: want HTTP Basic or client_secret, not both.")
	case basic.given && inForm && id != basic.id:
		return Client{}, badRequest("The client_id is not that of the Authorization header.")
	case basic.given:
		return s.authenticate(r.Context(), basic)
	case hasSecret && !inForm:
		return Client{}, badRequest("A client_secret needs a client_id.")
	case inForm:
		return s.authenticate(r.Context(), credentials{id, secret, true})
	}
	return Client{}, nil
}

// confidentialClient is clientOf, or the client of an API key, where a secret
// is required.
func (s *Server) confidentialClient(r *http.Request, form parametersOf) (Client, error) {
	keys := r.Header.Values(apiKeyHeader)
	if len(keys) == 0 {
		client, err := s.clientOf(r, form)
		if err == nil && (client.ID == "" || client.Public) {
			err = ErrClient
		}
		return client, err
	}
	_, inForm := form["client_id"]
	_, hasSecret := form["client_secret"]
	if len(keys) > 1 || inForm || hasSecret || len(r.Header.Values("Authorization")) > 0 {
		return Client{}, badRequest("The client authenticates twice: want one key and nothing beside it.")
	}
	return s.clientOfKey(r.Context(), keys[0])
}

// loginClient is the client that a user logs in with: that of HTTP Basic. Other
// schemes mean nothing at a login.
func (s *Server) loginClient(r *http.Request) (Client, error) {
	isBasic := func(header string) bool {
		scheme, _, _ := strings.Cut(header, " ")
		return strings.EqualFold(scheme, "Basic")
	}
	if !slices.ContainsFunc(r.Header.Values("Authorization"), isBasic) {
		return Client{}, nil
	}
	basic, err := basicCredentials(r)
	if err != nil {
		return Client{}, err
	}
	return s.authenticate(r.Context(), basic)
}

// clientOfKey is the client whose key that is.
func (s *Server) clientOfKey(ctx context.Context, key string) (Client, error) {
	id, ok := KeyClient(key)
	if !ok {
		s.metrics.oauth.authentication(ErrClient)
		return Client{}, ErrClient
	}
	return s.authenticate(ctx, credentials{id, key, true})
}

func (s *Server) authenticate(ctx context.Context, c credentials) (client Client, err error) {
	if s.opts.Clients == nil || c.id == "" {
		err = ErrClient
	} else {
		client, err = s.opts.Clients.AuthenticateClient(ctx, c.id, c.secret)
	}
	s.metrics.oauth.authentication(err)
	s.watchClients()
	return client, err
}

// watchClients logs, once, that the file of clients has gone bad or good again.
func (s *Server) watchClients() {
	if clients, ok := s.opts.Clients.(interface{ Health() error }); ok {
		s.logChange(&s.clientState, "clients", clients.Health())
	}
}

// basicCredentials reads the Authorization header of a client: two words that
// are encoded as in a form, and then as HTTP Basic (RFC 6749, section 2.3.1).
func basicCredentials(r *http.Request) (credentials, error) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) == 0:
		return credentials{}, nil
	case len(headers) > 1:
		return credentials{}, badRequest("Two Authorization headers.")
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	rawID, rawSecret, colon := strings.Cut(string(decoded), ":")
	id, idErr := url.QueryUnescape(rawID)
	secret, secretErr := url.QueryUnescape(rawSecret)
	if !strings.EqualFold(scheme, "Basic") || !colon || errors.Join(err, idErr, secretErr) != nil {
		return credentials{}, ErrClient
	}
	return credentials{id, secret, true}, nil
}
