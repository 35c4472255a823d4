package scenario

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Errors of a URL that is to be measured.
var (
	// ErrUnreachable: nothing answers there, or what answers is not able to
	// (5xx).
	ErrUnreachable = errors.New("scenario: URL cannot be reached")
	// ErrRefused: the answer to a valid token is not 200.
	ErrRefused = errors.New("scenario: URL refuses the tokens")
)

// httpVerifyKind measures whatever answers a bearer token with 200.
func httpVerifyKind() kind {
	return kind{
		name:  httpVerifyName,
		means: "A request that a proxy or a service asks about over HTTP: GET with a bearer token, 200 for a valid one.",
		needs: []string{needURL},
		open:  openHTTPVerify,
	}
}

const httpVerifyName = "http-verify"

// The classes of requests that got no answer; "http_401" and the like are of
// those that got another than 200.
const (
	classTimeout    = "timeout"
	classConnection = "connection"
)

// openHTTPVerify opens one contender for each URL.
func openHTTPVerify(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	tokens, err := httpTokens(ctx, s.knobs, s.progress)
	if err != nil {
		return nil, err
	}
	var contenders []bench.Contender
	knobs := httpKnobs{Seed: s.knobs.Seed, Zipf: s.knobs.Zipf, Workers: s.knobs.Concurrent}
	for i, name := range contenderNames(s.knobs.URLs) {
		target, err := newHTTPVerify(ctx, s.knobs.URLs[i], tokens, knobs)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, target.Close)
		meters, err := serverMeters(s.knobs.ServerCPU, i)
		if err != nil {
			return nil, err
		}
		contenders = append(contenders, bench.Contender{Name: name, Scenario: target, Meters: meters})
	}
	return contenders, nil
}

// serverMeters are the meters of the server behind the URL of that number.
func serverMeters(specs []string, number int) ([]bench.Meter, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	meter, err := serverMeter(specs[min(number, len(specs)-1)])
	return []bench.Meter{meter}, err
}

// httpKnobs are the settings of [newHTTPVerify].
type httpKnobs struct {
	Seed    uint64
	Zipf    float64        // popularity of the tokens: see Knobs
	Workers int            // the most that there will be, for each a connection is kept; default 1
	Roots   *x509.CertPool // who vouches for TLS servers; default: the system's, or SSL_CERT_FILE
}

// httpVerify asks a URL about tokens. Requests go straight there: no proxy of
// the environment, no redirect, no compression, HTTP/2 where TLS agrees on it.
// As with every client in Go, a request is sent again where a connection that
// had been used before closes without an answer: that takes longer, and is no
// error.
type httpVerify struct {
	target    *url.URL
	bearers   []string // what Authorization says
	transport *http.Transport
	draws     population // from which only orders are drawn
	workers   perWorker[*httpWorker]
}

var _ bench.Scenario = (*httpVerify)(nil)

// newHTTPVerify sends one request and returns a scenario if that was answered
// with 200, otherwise ErrUnreachable or ErrRefused; ErrKnob for a URL or a
// token that nothing could be asked about. No error shows a token, or the
// query of the URL.
func newHTTPVerify(ctx context.Context, target string, tokens []string, knobs httpKnobs) (*httpVerify, error) {
	u, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	bearers, err := bearersOf(tokens)
	if err != nil {
		return nil, err
	}
	workers := max(knobs.Workers, 1)
	h := &httpVerify{
		target:  u,
		bearers: bearers,
		transport: &http.Transport{
			MaxIdleConnsPerHost: workers,
			DisableCompression:  true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: knobs.Roots},
			ForceAttemptHTTP2:   true, // which a TLSClientConfig would turn off
		},
		draws: population{seed: knobs.Seed, zipf: knobs.Zipf, concurrent: workers},
	}
	if err := h.probe(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// probeTimeout is far longer than anything worth measuring takes.
const probeTimeout = 5 * time.Second

// probe asks once, so that a run does not find out what is wrong a million
// times. 5xx is "cannot tell" here too.
func (h *httpVerify) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := newHTTPWorker(h, &cursor{order: []uint32{0}}).ask(ctx)
	var status httpStatus
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status) || status >= 500:
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, shown(h.target), err)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%w: %s: %w: is it their issuer, with the same keys and audience?", ErrRefused, shown(h.target), err)
	default:
		return fmt.Errorf("%w: %s: %w: want 200 for a valid token", ErrRefused, shown(h.target), err)
	}
}

// Operation implements [bench.Scenario].
func (h *httpVerify) Operation(worker, workers int) (bench.Operation, error) {
	w, err := h.workers.get(worker, func() (*httpWorker, error) {
		all := make([]uint32, len(h.bearers))
		for i := range all {
			all[i] = uint32(i)
		}
		return newHTTPWorker(h, &cursor{order: h.draws.order(worker, workers, all)}), nil
	})
	if err != nil {
		return nil, err
	}
	return w.ask, nil
}

// Close closes the connections.
func (h *httpVerify) Close() error {
	h.transport.CloseIdleConnections()
	return nil
}

// maxAnswer is how much of an answer is read; a verdict needs none of it.
const maxAnswer = 1 << 20

// httpWorker is what one worker sends with: a request of which only the token
// changes, and room for the answer.
type httpWorker struct {
	of            *httpVerify
	tokens        *cursor
	request       *http.Request
	authorization []string // in the request's header
	room          [4 << 10]byte
}

func newHTTPWorker(of *httpVerify, tokens *cursor) *httpWorker {
	w := &httpWorker{of: of, tokens: tokens}
	w.prepare()
	return w
}

// prepare makes a request that nobody else reads.
func (w *httpWorker) prepare() {
	w.authorization = make([]string, 1)
	w.request = &http.Request{
		Method: http.MethodGet, URL: w.of.target, Host: w.of.target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Authorization": w.authorization,
			"User-Agent":    {"rescind-bench"},
		},
	}
}

// ask is the operation. The transport is asked directly: an http.Client would
// add redirects, cookies and copies of the header.
func (w *httpWorker) ask(ctx context.Context) error {
	w.authorization[0] = w.of.bearers[w.tokens.next()]
	answer, err := w.of.transport.RoundTrip(w.request.WithContext(ctx))
	if err != nil {
		w.prepare() // without an answer nothing says when the transport has done with the old one
		return connectionError(ctx, err)
	}
	err = w.drain(answer.Body)
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
		w.prepare()
		return connectionError(ctx, err)
	case answer.StatusCode != http.StatusOK:
		return httpStatus(answer.StatusCode)
	}
	return nil
}

// drain reads an answer to its end, so that its connection can be used again.
func (w *httpWorker) drain(body io.Reader) error {
	for total := 0; total <= maxAnswer; {
		n, err := body.Read(w.room[:])
		total += n
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errTooLong
}

var errTooLong = fmt.Errorf("the answer has more than %d bytes", maxAnswer)

// httpStatus is an answer other than 200.
type httpStatus int

var _ bench.Classed = httpStatus(0)

func (s httpStatus) Error() string {
	return "it answers " + strconv.Itoa(int(s)) + " " + http.StatusText(int(s))
}

// Class implements [bench.Classed].
func (s httpStatus) Class() string { return "http_" + strconv.Itoa(int(s)) }

// connectionError tells deadlines from the rest. A context that was cancelled
// says so itself: that is the end of the run and nobody's failure.
func connectionError(ctx context.Context, err error) error {
	var network net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return &classed{classTimeout, err}
	default:
		return &classed{classConnection, err}
	}
}
