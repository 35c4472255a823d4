package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"

	"github.com/rescindhq/rescind/denylist"
)

const (
	// maxEvent is in bytes. The longest entry has less than a tenth of that.
	maxEvent = 64 << 10
	// maxSilence is how long a server may say nothing: it sends a comment every
	// 15 seconds.
	maxSilence = 40 * time.Second
)

var _ denylist.Follower = (*remote)(nil)

// errEnough ends a stream that has told what was asked for.
var errEnough = errors.New("enough")

// Position implements denylist.Follower: a stream that begins now says first
// where that is.
func (r *remote) Position(ctx context.Context) (at string, err error) {
	err = r.events(ctx, "", func(e sse.Event) error {
		at = e.LastEventID
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil && at == "" {
		err = fmt.Errorf("%w: the server does not say where its events begin", denylist.ErrUnavailable)
	}
	return at, err
}

// Follow implements denylist.Follower with GET /v1/events.
func (r *remote) Follow(ctx context.Context, after string, fn func(denylist.Change) error) error {
	return r.events(ctx, after, func(e sse.Event) error {
		switch e.Type {
		case "change":
			change, err := changeIn(e)
			if err != nil {
				return err
			}
			return fn(change)
		case "gap":
			return denylist.ErrGap
		case "unavailable":
			return fmt.Errorf("%w: the server cannot read it", denylist.ErrUnavailable)
		}
		return nil // a position, or what a later version has to say
	})
}

// events opens a stream and calls fn for each event until one side ends it.
func (r *remote) events(ctx context.Context, after string, fn func(sse.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/v1/events", nil)
	if err != nil {
		return usageError("asking the server: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	// A stream has no end, so what is bounded is how long it is silent.
	silence := time.AfterFunc(maxSilence, cancel)
	defer silence.Stop()
	client := *r.client
	client.Timeout = 0
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(res.Body, maxEvent))
		return refusalIn(res.StatusCode, data, denylist.ErrUnavailable)
	}
	return readEvents(heard{res.Body, func() { silence.Reset(maxSilence) }}, fn)
}

// readEvents reads server-sent events (HTML, section 9.2). A stream that ends
// is one to go on from later.
func readEvents(body io.Reader, fn func(sse.Event) error) error {
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			return fmt.Errorf("%w: the server's events: %w", denylist.ErrUnavailable, err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the server ended its events", denylist.ErrUnavailable)
}

// heard is a reader that notes whenever there was something to read.
type heard struct {
	io.Reader
	note func()
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.note()
	}
	return n, err
}

// errEvent is no outage: asking again would bring the same event.
var errEvent = errors.New("the server's event is not understood")

// changeIn reads a change of the admin API.
func changeIn(e sse.Event) (denylist.Change, error) {
	var row changeRow
	if err := json.Unmarshal([]byte(e.Data), &row); err != nil {
		return denylist.Change{}, errEvent
	}
	c := denylist.Change{Position: e.LastEventID, Digest: row.Digest, Revoked: row.Revoked, Reinstated: row.Reinstated}
	var err error
	if c.Scope, err = denylist.ParseScope(row.Scope); err != nil {
		return denylist.Change{}, errEvent
	}
	for _, instant := range []struct {
		text string
		into *time.Time
	}{{row.At, &c.At}, {row.Cutoff, &c.Cutoff}, {row.EffectiveFrom, &c.EffectiveFrom}, {row.ExpiresAt, &c.ExpiresAt}} {
		if instant.text == "" {
			continue
		}
		if *instant.into, err = time.Parse(time.RFC3339, instant.text); err != nil {
			return denylist.Change{}, errEvent
		}
	}
	if row.Entry != nil {
		entry, err := row.Entry.entry()
		if err != nil {
			return denylist.Change{}, errEvent
		}
		c.Entry = &entry
	}
	return c, nil
}
