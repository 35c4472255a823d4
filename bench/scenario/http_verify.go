package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/rescindhq/rescind/bench"
)

// httpVerifyKind measures whatever answers a bearer token with 200.
func httpVerifyKind() kind {
	return kind{
		name:  httpVerifyName,
		means: "A request that a proxy or a service asks about over HTTP: GET with a bearer token, 200 for a valid one.",
		needs: []string{needURL},
		open: func(ctx context.Context, s *Stand) ([]bench.Contender, error) {
			return s.openURLs(ctx, httpVerifyName, askBearers)
		},
	}
}

const httpVerifyName = "http-verify"

// askBearers asks with each token as a bearer.
func askBearers(target *url.URL, tokens []string) (asking, error) {
	bearers, err := bearersOf(tokens)
	if err != nil {
		return asking{}, err
	}
	return asking{
		one: func() question {
			b := &bearer{target: target, bearers: bearers}
			b.renew()
			return b
		},
		explain: explainBearer,
	}, nil
}

// explainBearer explains a status that is no "cannot tell".
func explainBearer(err error) error {
	var status httpStatus
	switch {
	case !errors.As(err, &status) || status >= 500:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%w: is it their issuer, with the same keys and audience?", err)
	}
	return fmt.Errorf("%w: want 200 for a valid token", err)
}

// bearer is a request of which only the token changes.
type bearer struct {
	target        *url.URL
	bearers       []string // what Authorization says
	request       *http.Request
	authorization []string // in the request's header
}

// renew implements question: the request is one that nobody else reads.
func (b *bearer) renew() {
	b.authorization = make([]string, 1)
	b.request = newRequest(http.MethodGet, b.target, http.Header{"Authorization": b.authorization})
}

// newRequest is a request that is sent again and again.
func newRequest(method string, target *url.URL, header http.Header) *http.Request {
	header["User-Agent"] = []string{"rescind-bench"}
	return &http.Request{
		Method: method, URL: target, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header,
	}
}

// about implements question.
func (b *bearer) about(n uint32) *http.Request {
	b.authorization[0] = b.bearers[n]
	return b.request
}

// judge implements question.
func (b *bearer) judge(status int, _ []byte) error {
	if status != http.StatusOK {
		return httpStatus(status)
	}
	return nil
}
