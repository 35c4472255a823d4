package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/denylist"
)

// Bounds of a stream of events, which has no end of its own.
const (
	quietTime  = 15 * time.Second // proxies cut off what is silent for longer
	eventTime  = 10 * time.Second // in which a client must take an event
	maxEventID = 4 << 10          // bytes
)

// changeBody is a change in JSON: how the entry stood after it, and in entry
// how it stands when this is sent.
type changeBody struct {
	At            instant        `json:"at"`
	Scope         denylist.Scope `json:"scope"`
	Digest        string         `json:"digest"`
	Revoked       bool           `json:"revoked"`
	Cutoff        instant        `json:"cutoff,omitzero"`
	Reinstated    bool           `json:"reinstated,omitzero"`
	EffectiveFrom instant        `json:"effective_from,omitzero"` // of a token that was exchanged
	ExpiresAt     instant        `json:"expires_at"`
	Entry         *entryBody     `json:"entry"` // null: it is gone
}

func showChange(c denylist.Change) changeBody {
	body := changeBody{
		At: instant(c.At), Scope: c.Scope, Digest: c.Digest,
		Revoked: c.Revoked, Cutoff: instant(c.Cutoff), Reinstated: c.Reinstated,
		EffectiveFrom: instant(c.EffectiveFrom), ExpiresAt: instant(c.ExpiresAt),
	}
	if c.Entry != nil {
		entry := showEntry(*c.Entry)
		body.Entry = &entry
	}
	return body
}

// events streams what changes (HTML, section 9.2: server-sent events).
func (o *operatorAPI) events(a *answer, r *http.Request) error {
	follower, ok := o.store.(denylist.Follower)
	if !ok {
		return errNotFound
	}
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	s, err := o.streams.open(a, r)
	if err != nil {
		return err
	}
	defer o.streams.close(s)
	// Asked even where it is not needed: a store that cannot tell is a 503.
	now, err := follower.Position(s.ctx)
	if err != nil {
		return err
	}
	s.begin()
	if r.Method == http.MethodHead {
		return nil
	}
	greeting := ""
	if after == "" {
		// Who is cut off before the first change can go on from here, too.
		after, greeting = now, "id: "+now+"\n\n"
	}
	if s.send(greeting) != nil {
		return nil
	}
	return s.follow(follower, after)
}

// lastEventID is the position that a client goes on from; empty: from now on.
func lastEventID(r *http.Request) (string, error) {
	if r.URL.RawQuery != "" {
		return "", badRequest("The stream takes no query: it has every change.")
	}
	ids := r.Header.Values("Last-Event-ID")
	switch {
	case len(ids) == 0:
		return "", nil
	case len(ids) > 1:
		return "", badRequest("Two Last-Event-ID headers.")
	case len(ids[0]) > maxEventID:
		return "", badRequest("The Last-Event-ID must have at most %d bytes.", maxEventID)
	}
	return ids[0], nil
}

// stream is one client that follows.
type stream struct {
	*answer
	connection *http.ResponseController
	ctx        context.Context // of the client, of the server, and of nothing else
	cancel     context.CancelFunc
	sent       int // changes
}

// begin writes the header. The bounds of a connection are for requests that
// end; each event has a bound of its own.
func (s *stream) begin() {
	_ = s.connection.SetReadDeadline(time.Time{}) // past it, net/http would take the client for gone
	header := s.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events
	header.Set("X-Content-Type-Options", "nosniff")
	s.WriteHeader(http.StatusOK)
}

// follow sends changes until one side ends.
func (s *stream) follow(follower denylist.Follower, after string) error {
	defer func() { s.note(slog.Int("changes", s.sent)) }()
	for {
		var failed error
		quiet, cancel := context.WithTimeout(s.ctx, quietTime)
		err := follower.Follow(quiet, after, func(c denylist.Change) error {
			after, failed = c.Position, s.change(c)
			return failed
		})
		over := quiet.Err() != nil
		cancel()
		switch {
		case s.ctx.Err() != nil || failed != nil:
			return nil // the client is gone, or too slow, or the server ends
		case over:
			err = s.send(": still here\n\n")
		case errors.Is(err, denylist.ErrGap):
			return s.gap(follower)
		default:
			_ = s.event("unavailable", "", struct{}{})
			return err
		}
		if err != nil {
			return nil
		}
	}
}

// gap says that changes are missing, and from where on there will be none
// missing to a client who lists what is denied after it has heard of this.
func (s *stream) gap(follower denylist.Follower) error {
	now, err := follower.Position(s.ctx)
	if err != nil {
		_ = s.event("unavailable", "", struct{}{})
		return err
	}
	s.note(slog.Bool("gap", true))
	_ = s.event("gap", now, struct{}{})
	return nil
}

func (s *stream) change(c denylist.Change) error {
	s.sent++
	return s.event("change", c.Position, showChange(c))
}

// event sends one event; without an id, the client keeps the last one.
func (s *stream) event(name, id string, v any) error {
	// As in answer.json: ids are bytes.
	data, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return err
	}
	text := "event: " + name + "\ndata: " + string(data) + "\n\n"
	if id != "" {
		text = "id: " + id + "\n" + text
	}
	return s.send(text)
}

// send sends text, unless the stream has ended. The order is streams.end's,
// turned round: a write that it does not prevent, it cuts short.
func (s *stream) send(text string) error {
	_ = s.connection.SetWriteDeadline(time.Now().Add(eventTime)) // a recorder has none, which is no error here
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if _, err := io.WriteString(s.answer, text); err != nil {
		return err
	}
	return s.connection.Flush()
}
