package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// handler answers one route. An error that it returns is answered by the
// table of errors, if nothing has been written yet.
type handler func(a *answer, r *http.Request) error

// answer is the response to one request, and what its log record will say.
type answer struct {
	http.ResponseWriter
	requestID string
	status    int
	code      string // of a refusal
	cause     error
	notes     []slog.Attr
}

// note adds to the request's log record. Never a token, a password or an id.
func (a *answer) note(attrs ...slog.Attr) { a.notes = append(a.notes, attrs...) }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// json answers with v, which nobody may cache.
func (a *answer) json(status int, v any) error {
	// Ids are bytes: an entry that is not UTF-8 is shown as well as it can be.
	body, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return err
	}
	a.Header().Set("Cache-Control", "no-store")
	a.body(status, "application/json", append(body, '\n'))
	return nil
}

func (a *answer) body(status int, contentType string, body []byte) {
	header := a.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	a.WriteHeader(status)
	_, _ = a.Write(body) // a client that is gone needs no answer
}

func (a *answer) noContent() {
	a.Header().Set("Cache-Control", "no-store")
	a.WriteHeader(http.StatusNoContent)
}

// patiently does what may take longer than any bound of a connection: a barrier
// lasts as long as the fleet's mirrors may lag, which is a setting. It ends when
// the client hangs up. Reading has a bound to lift too: past it, net/http would
// take the client for gone.
func (a *answer) patiently(r *http.Request, do func(context.Context) error) error {
	connection := http.NewResponseController(a.ResponseWriter) // a recorder has no bounds, which is no error here
	_ = connection.SetReadDeadline(time.Time{})
	_ = connection.SetWriteDeadline(time.Time{})
	err := do(r.Context())
	_ = connection.SetWriteDeadline(time.Now().Add(answerTime))
	return err
}

// route makes a handler of the one place where errors are answered, panics
// end, and a request is counted and logged. Requests are known by the route's
// name: their paths may hold anything.
func (s *Server) route(name string, table func(error) verifier.Refusal, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := &answer{ResponseWriter: w, requestID: rand.Text()}
		a.Header().Set("X-Request-Id", a.requestID)
		defer func() { s.record(a, r, name, time.Since(start)) }()

		err := s.guarded(handle)(a, r)
		if err == nil {
			return
		}
		refusal := table(err)
		a.code, a.cause = refusal.Code, err
		if a.status == 0 {
			refusal.Write(a)
		}
		if a.code == codeCannotTell && r.Context().Err() != nil {
			a.code = codeClientGone
		}
	})
}

// guarded makes an error of a panic. What it was about is for the log alone.
func (s *Server) guarded(handle handler) handler {
	return func(a *answer, r *http.Request) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				// Its value may hold anything; the runtime's own hold no data.
				what := fmt.Sprintf("%T", p)
				if fault, ok := p.(runtime.Error); ok {
					what = fault.Error()
				}
				a.note(slog.String("panic", what), slog.String("stack", string(debug.Stack())))
				err = errPanic
			}
		}()
		return handle(a, r)
	}
}

// record writes the one log record of a request, and counts it.
func (s *Server) record(a *answer, r *http.Request, route string, took time.Duration) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	s.metrics.request(route, status, a.code, took)

	attrs := []slog.Attr{
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", a.requestID),
	}
	if a.code != "" {
		attrs = append(attrs, slog.String("code", a.code))
	}
	level := slog.LevelInfo
	switch {
	case status >= 500 && a.code != codeClientGone:
		level = slog.LevelWarn
		if a.cause != nil {
			attrs = append(attrs, slog.Any("cause", a.cause))
		}
	case errors.Is(a.cause, denylist.ErrReused):
		level = slog.LevelWarn // of two that hold the token, one stole it
	case route == routeHealth || route == routeReady || route == routeMetrics:
		level = slog.LevelDebug // asked every few seconds
	}
	s.log.LogAttrs(r.Context(), level, "request", append(attrs, a.notes...)...)
}

// knownMethod keeps out of logs what a client can put in a method's place.
func knownMethod(method string) string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}

// methods are the handlers of one path. HEAD is GET without the body.
type methods map[string]handler

func (m methods) handle(a *answer, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if handle, ok := m[method]; ok {
		return handle(a, r)
	}
	for _, allowed := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if m[allowed] == nil {
			continue
		}
		a.Header().Add("Allow", allowed)
		if allowed == http.MethodGet {
			a.Header().Add("Allow", http.MethodHead)
		}
	}
	return errMethod
}
