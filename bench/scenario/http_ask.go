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
	// ErrRefused: the answer to a valid token is not what it should be.
	ErrRefused = errors.New("scenario: URL refuses the tokens")
)

// The classes of requests that got no answer; "http_401" and the like are of
// those that got another than 200.
const (
	classTimeout    = "timeout"
	classConnection = "connection"
)

// httpKnobs are the settings of an httpAsker.
type httpKnobs struct {
	Seed    uint64
	Zipf    float64        // popularity of the tokens: see Knobs
	Workers int            // the most that there will be, for each a connection is kept; default 1
	Roots   *x509.CertPool // who vouches for TLS servers; default: the system's, or SSL_CERT_FILE
}

// openURLs opens one contender of a scenario for each URL, all about the same
// tokens.
func (s *Stand) openURLs(ctx context.Context, scenario string, asks func(target *url.URL, tokens []string) (asking, error)) ([]bench.Contender, error) {
	tokens, err := httpTokens(ctx, scenario, s.knobs, s.progress)
	if err != nil {
		return nil, err
	}
	var contenders []bench.Contender
	knobs := httpKnobs{Seed: s.knobs.Seed, Zipf: s.knobs.Zipf, Workers: s.knobs.Concurrent}
	for i, name := range contenderNames(scenario, s.knobs.URLs) {
		target, err := newHTTPAsker(ctx, s.knobs.URLs[i], tokens, knobs, asks)
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

// asking is how a URL is asked about tokens.
type asking struct {
	// one returns what one worker asks with.
	one func() question
	// explain says why a URL is none to measure, of an error of the first
	// question; nil: it does not follow from that.
	explain func(err error) error
}

// question is one worker's. It is for one goroutine.
type question interface {
	// about is a request about the token of that number.
	about(n uint32) *http.Request
	// judge says whether that is the right answer to a good token. The body is
	// only lent.
	judge(status int, body []byte) error
	// renew makes ready for the next request where nothing says when the
	// transport will have done with the last one.
	renew()
}

// httpAsker asks a URL about tokens. Requests go straight there: no proxy of
// the environment, no redirect, no compression, HTTP/2 where TLS agrees on it.
// As with every client in Go, a request is sent again where a connection that
// had been used before closes without an answer: that takes longer, and is no
// error.
type httpAsker struct {
	asking
	target    *url.URL
	tokens    int
	transport *http.Transport
	draws     population // from which only orders are drawn
	workers   perWorker[*httpWorker]
}

var _ bench.Scenario = (*httpAsker)(nil)

// newHTTPAsker sends one request and returns a scenario if that was answered
// as it should be, otherwise ErrUnreachable or ErrRefused; ErrKnob for a URL or
// a token that nothing could be asked about. No error shows a token, or the
// query of the URL.
func newHTTPAsker(ctx context.Context, target string, tokens []string, knobs httpKnobs, asks func(*url.URL, []string) (asking, error)) (*httpAsker, error) {
	u, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	how, err := asks(u, tokens)
	if err != nil {
		return nil, err
	}
	workers := max(knobs.Workers, 1)
	h := &httpAsker{
		asking: how,
		target: u,
		tokens: len(tokens),
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
func (h *httpAsker) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := newHTTPWorker(h, &cursor{order: []uint32{0}}).ask(ctx)
	if err == nil {
		return nil
	}
	if refused := h.explain(err); refused != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, shown(h.target), refused)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, shown(h.target), err)
}

// Operation implements [bench.Scenario].
func (h *httpAsker) Operation(worker, workers int) (bench.Operation, error) {
	w, err := h.workers.get(worker, func() (*httpWorker, error) {
		all := make([]uint32, h.tokens)
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
func (h *httpAsker) Close() error {
	h.transport.CloseIdleConnections()
	return nil
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// httpWorker is what one worker sends with, and room for the answer.
type httpWorker struct {
	question
	transport *http.Transport
	tokens    *cursor
	room      []byte
}

func newHTTPWorker(of *httpAsker, tokens *cursor) *httpWorker {
	return &httpWorker{question: of.one(), transport: of.transport, tokens: tokens, room: make([]byte, 0, 4<<10)}
}

// ask is the operation. The transport is asked directly: an http.Client would
// add redirects, cookies and copies of the header.
func (w *httpWorker) ask(ctx context.Context) error {
	answer, err := w.transport.RoundTrip(w.about(w.tokens.next()).WithContext(ctx))
	if err != nil {
		w.renew()
		return connectionError(ctx, err)
	}
	err = w.read(answer.Body)
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		w.renew()
		return connectionError(ctx, err)
	}
	return w.judge(answer.StatusCode, w.room)
}

// read reads an answer to its end, so that its connection can be used again.
func (w *httpWorker) read(body io.Reader) error {
	w.room = w.room[:0]
	for len(w.room) <= maxAnswer {
		if len(w.room) == cap(w.room) {
			w.room = append(w.room, 0)[:len(w.room)]
		}
		n, err := body.Read(w.room[len(w.room):cap(w.room)])
		w.room = w.room[:len(w.room)+n]
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
