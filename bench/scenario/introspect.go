package scenario

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/rescindhq/rescind/bench"
)

// introspectKind measures any introspection endpoint (RFC 7662).
func introspectKind() kind {
	return kind{
		name:  introspectName,
		means: "A service asks an authorization server about each token, by POST with its own credentials (RFC 7662): what stateless tokens save.",
		needs: []string{needURL},
		open:  openIntrospect,
	}
}

const introspectName = "introspect"

// classInactive is a good token that the server says is not alive. It is no
// wrong answer: the server may be right, since others can revoke it there.
const classInactive = "inactive"

// ErrClient: the server does not know the client that asks.
var ErrClient = errors.New("the client is refused")

func openIntrospect(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	client := s.knobs.Client
	return s.openURLs(ctx, introspectName, func(target *url.URL, tokens []string) (asking, error) {
		return askIntrospection(target, tokens, client)
	})
}

// ClientKnobs are who asks an introspection endpoint, by HTTP Basic.
type ClientKnobs struct{ ID, Secret string }

// checkIntrospect refuses what cannot be asked.
func (k *Knobs) checkIntrospect(kinds []kind) error {
	if slices.ContainsFunc(kinds, func(k kind) bool { return k.name == httpVerifyName }) {
		return badKnob("%s and %s in one run: they ask different URLs", introspectName, httpVerifyName)
	}
	return k.Client.check()
}

func (c ClientKnobs) check() error {
	if c.ID == "" || c.Secret == "" {
		return fmt.Errorf("%w: %s asks as a client: name its id and its secret", ErrMissing, introspectName)
	}
	return nil
}

// authorization is what the Authorization header says (RFC 6749 section 2.3.1).
func (c ClientKnobs) authorization() string {
	pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// askIntrospection asks about each token in the form of a POST.
func askIntrospection(target *url.URL, tokens []string, client ClientKnobs) (asking, error) {
	if err := client.check(); err != nil {
		return asking{}, err
	}
	if len(tokens) == 0 {
		return asking{}, fmt.Errorf("%w: no tokens to ask about", ErrMissing)
	}
	forms := make([]string, len(tokens))
	for i, token := range tokens {
		forms[i] = url.Values{"token": {token}}.Encode()
	}
	request := newRequest(http.MethodPost, target, http.Header{
		"Authorization": {client.authorization()},
		"Content-Type":  {"application/x-www-form-urlencoded"},
		"Accept":        {"application/json"},
	})
	return asking{
		one:     func() question { return &introspection{*request, forms} },
		explain: explainIntrospection,
	}, nil
}

// explainIntrospection explains what is no "cannot tell".
func explainIntrospection(err error) error {
	var status httpStatus
	var answer bench.Classed
	switch {
	case errors.As(err, &status) && status >= 500:
		return nil
	case errors.As(err, &status) && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return fmt.Errorf("%w: %w", ErrClient, err)
	case errors.As(err, &status):
		return fmt.Errorf("%w: want 200 (RFC 7662)", err)
	case errors.As(err, &answer) && (answer.Class() == classInactive || answer.Class() == classAnswer):
		return err
	}
	return nil
}

// introspection is a request of which only the form changes. The header is read
// by all workers, and changed by nobody.
type introspection struct {
	request http.Request
	forms   []string
}

// about implements question. A body is read once.
func (i *introspection) about(n uint32) *http.Request {
	form := i.forms[n]
	i.request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(form)), nil }
	i.request.Body, _ = i.request.GetBody()
	i.request.ContentLength = int64(len(form))
	return &i.request
}

// renew implements question: each request is a copy of its own already.
func (i *introspection) renew() {}

// judge implements question.
func (i *introspection) judge(status int, body []byte) error {
	if status != http.StatusOK {
		return httpStatus(status)
	}
	active, err := readActive(body)
	switch {
	case err != nil:
		return err
	case !active:
		return &classed{classInactive, errors.New("it says that a good token is not active: is it of their issuer, with the same keys?")}
	}
	return nil
}

// classAnswer is an answer that is none of RFC 7662.
const classAnswer = "no_introspection"

// readActive finds the only member of an answer that it has to have (RFC 7662
// section 2.2). The answer has at most maxAnswer bytes.
func readActive(body []byte) (bool, error) {
	var answer struct {
		Active *bool `json:"active"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Active == nil {
		// Of a foreign answer nothing is shown: it may hold the token.
		return false, &classed{classAnswer, errors.New("the answer is no introspection of RFC 7662: a JSON object with active")}
	}
	return *answer.Active, nil
}
