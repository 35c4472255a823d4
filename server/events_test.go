package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// followed makes a site's store one that can be followed: a spy is none.
func followed(s *site) *site {
	s.store = s.list.backend
	return s
}

// following is how many streams are open.
func (s *site) following() int {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return len(s.streams.all)
}

// event is one event as a client reads it.
type event struct{ id, name, data, comment string }

// read reads the next event of a stream.
func (e *eventStream) read() (event, error) {
	var got event
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			got.id = value
		case "event":
			got.name = value
		case "data":
			got.data = value
		case "":
			if line == "\n" {
				return got, nil
			}
			got.comment = value
		default:
			return event{}, fmt.Errorf("not an event: %q", line)
		}
	}
}

// eventStream is a stream of events in a client's hands.
type eventStream struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Reader
}

// next is the next event, which must have a name.
func (e *eventStream) next(name string) event {
	e.t.Helper()
	got, err := e.read()
	require.NoError(e.t, err)
	require.Equal(e.t, name, got.name, "%+v", got)
	return got
}

// ended asserts that the stream ends, as HTTP says that it does.
func (e *eventStream) ended() {
	e.t.Helper()
	got, err := e.read()
	assert.ErrorIs(e.t, err, io.EOF, "%+v", got)
}

// shownChange is a change as a client reads it.
type shownChange struct {
	At            string      `json:"at"`
	Scope         string      `json:"scope"`
	Digest        string      `json:"digest"`
	Revoked       bool        `json:"revoked"`
	Cutoff        string      `json:"cutoff"`
	Reinstated    bool        `json:"reinstated"`
	EffectiveFrom string      `json:"effective_from"`
	ExpiresAt     string      `json:"expires_at"`
	Entry         *shownEntry `json:"entry"`
}

func (e event) change(t *testing.T) (c shownChange) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(e.data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&c), "%s", e.data)
	return c
}

// watch opens a stream over the network.
func (r *running) watch(lastEventID string) *eventStream {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	r.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.adminAddr+"/v1/events", nil)
	require.NoError(r.t, err)
	req.Header.Set("Authorization", "Bearer "+testAdminToken)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { res.Body.Close() })
	require.Equal(r.t, http.StatusOK, res.StatusCode)
	return &eventStream{r.t, res, bufio.NewReader(res.Body)}
}

// The whole life of a stream, on both stores.
func TestEvents(t *testing.T) {
	for name, opts := range map[string]func(*testing.T) siteOptions{
		"memory": func(*testing.T) siteOptions { return siteOptions{} },
		"redis": func(t *testing.T) siteOptions {
			store, _ := newRedis(t)
			return siteOptions{redis: store}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, opts(t))
			followed(r.site)
			tokens := r.login()
			stream := r.watch("")
			assert.Equal(t, "text/event-stream", stream.res.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", stream.res.Header.Get("Cache-Control"))
			assert.Equal(t, "no", stream.res.Header.Get("X-Accel-Buffering"))
			start := stream.next("").id
			assert.NotEmpty(t, start, "a position before the first change")

			entry, receipt := r.revoked(`{"scope":"subject","id":"u","reason":"a\nb"}`)
			got := stream.next("change").change(t)
			assert.Equal(t, &entry, got.Entry)
			assert.Len(t, got.Digest, 22)
			assert.Equal(t, shownChange{
				At: got.At, Scope: "subject", Digest: got.Digest, Revoked: true,
				Cutoff: receipt.At, ExpiresAt: entry.ExpiresAt, Entry: &entry,
			}, got)

			r.revoked(`{"scope":"subject","id":"u","cutoff":"2020-01-01T00:00:00Z","expires_at":"2020-01-01T00:00:00Z"}`)
			r.operate("DELETE", "/v1/revocations/subject/u", "")
			last := stream.next("change")
			for !last.change(t).Reinstated { // the second may live longer than the first
				last = stream.next("change")
			}
			assert.Nil(t, last.change(t).Entry)

			r.rotate(tokens.RefreshToken)
			rotated := stream.next("change").change(t)
			assert.Equal(t, "token", rotated.Scope)
			assert.NotEmpty(t, rotated.EffectiveFrom)
			assert.False(t, rotated.Revoked)

			again := r.watch(last.id)
			assert.Equal(t, rotated, again.next("change").change(t), "what came after the last")
			first := r.watch(start).next("change").change(t)
			assert.Equal(t, got.Digest, first.Digest)
			assert.Nil(t, first.Entry, "it is gone by now")

			r.stop()
			stream.ended()
			again.ended()
			r.wait()
		})
	}
}

// What is not known of any more is a gap; its id is where to go on.
func TestEvents_Gap(t *testing.T) {
	r := run(t, siteOptions{})
	followed(r.site)
	for _, id := range []string{"x", strings.Repeat("9", maxEventID)} {
		stream := r.watch(id)
		gap := stream.next("gap")
		stream.ended()
		entry, _ := r.revoked(`{"scope":"session","id":"` + id[:1] + `"}`)
		assert.Equal(t, &entry, r.watch(gap.id).next("change").change(t).Entry)
	}
}

// R18: a Redis that has forgotten while somebody watched.
func TestR18_EventsAfterARestart(t *testing.T) {
	store, server := newRedis(t)
	r := run(t, siteOptions{redis: store})
	followed(r.site)
	r.revoked(`{"scope":"session","id":"a"}`)
	stream := r.watch("")
	id := stream.next("").id
	server.Kill()
	stream.next("unavailable")
	stream.ended()
	r.operate("GET", "/v1/events", "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
	server.Restart()
	stream = r.watch(id)
	stream.next("gap")
	stream.ended()
}

func TestEvents_Refused(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.operate("GET", "/v1/events", "").refused(http.StatusNotFound, "not_found") // a spy cannot be followed
	followed(s)
	r := httptest.NewRequest("GET", "/v1/events", nil)
	s.send(s.AdminHandler(), r).refused(http.StatusUnauthorized, "token_missing")
	r.Header.Set("Authorization", "Bearer "+s.login().AccessToken)
	s.send(s.AdminHandler(), r).refused(http.StatusUnauthorized, "token_invalid")

	s.operate("GET", "/v1/events?scope=token", "").refused(http.StatusBadRequest, "invalid_request")
	for _, ids := range [][]string{{"a", "b"}, {strings.Repeat("9", maxEventID+1)}} {
		r := httptest.NewRequest("GET", "/v1/events", nil)
		r.Header.Set("Authorization", "Bearer "+testAdminToken)
		r.Header["Last-Event-Id"] = ids
		s.send(s.AdminHandler(), r).refused(http.StatusBadRequest, "invalid_request")
	}
	s.operate("POST", "/v1/events", "").refused(http.StatusMethodNotAllowed, "invalid_request")
	head := s.operate("HEAD", "/v1/events", "")
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Equal(t, "text/event-stream", head.Header.Get("Content-Type"))
	assert.Empty(t, head.body)
	s.ask("GET", "/v1/events", testAdminToken, "").refused(http.StatusNotFound, "not_found")
}

// pipedEvents opens a stream over a connection in memory, with all its bounds.
func pipedEvents(t *testing.T, s *site) net.Conn {
	t.Helper()
	server, client := net.Pipe()
	listener := make(pipes, 1)
	listener <- server
	running := s.httpServer(s.AdminHandler(), nil)
	go running.Serve(listener)
	t.Cleanup(func() { assert.NoError(t, running.Close()) })
	_, err := fmt.Fprintf(client, "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", testAdminToken)
	require.NoError(t, err)
	return client
}

// A stream outlasts every bound of a connection, and is never silent for long.
func TestEvents_OutlastsTheTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := followed(newSite(t, siteOptions{}))
		client := pipedEvents(t, s)
		defer client.Close() // the body has no end to be read to
		res, err := http.ReadResponse(bufio.NewReader(client), nil)
		require.NoError(t, err)
		stream := eventStream{t, res, bufio.NewReader(res.Body)}
		stream.next("")
		for start := time.Now(); time.Since(start) < 5*time.Minute; {
			before := time.Now()
			assert.NotEmpty(t, stream.next("").comment)
			assert.Equal(t, quietTime, time.Since(before))
		}
		s.revoked(`{"scope":"session","id":"a"}`)
		assert.Equal(t, "a", stream.next("change").change(t).Entry.ID)
	})
}

// A client that takes nothing is let go of, and at the end of the server soon.
func TestEvents_SlowClient(t *testing.T) {
	for name, wait := range map[string]time.Duration{"while it serves": eventTime, "at its end": farewell} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := followed(newSite(t, siteOptions{}))
				pipedEvents(t, s) // and reads nothing
				synctest.Wait()
				assert.Equal(t, 1, s.following())
				if wait == farewell {
					s.streams.end()
				}
				time.Sleep(wait - time.Millisecond)
				synctest.Wait()
				assert.Equal(t, 1, s.following())
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				assert.Zero(t, s.following())
			})
		})
	}
}

// Nobody follows for one who has gone.
func TestEvents_ClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := followed(newSite(t, siteOptions{}))
		client := pipedEvents(t, s)
		go io.Copy(io.Discard, client)
		synctest.Wait()
		require.Equal(t, 1, s.following())
		require.NoError(t, client.Close())
		synctest.Wait()
		assert.Zero(t, s.following())
		assert.Contains(t, s.logs.String(), `"route":"/v1/events"`)
	})
}

// There is room for some, and none at the end.
func TestEvents_Bounded(t *testing.T) {
	s := followed(newSite(t, siteOptions{}))
	for range maxStreams {
		_, err := s.streams.open(&answer{ResponseWriter: httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
		require.NoError(t, err)
	}
	s.operate("GET", "/v1/events", "").refused(http.StatusTooManyRequests, "rate_limited")
	for open := range s.streams.all {
		s.streams.close(open)
	}
	assert.Equal(t, http.StatusOK, s.operate("HEAD", "/v1/events", "").StatusCode)
	s.streams.end()
	s.operate("GET", "/v1/events", "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
}

// cutOff is a store that tells nothing.
type cutOff struct{ *denylist.Memory }

func (cutOff) Follow(context.Context, string, func(denylist.Change) error) error {
	return denylist.ErrUnavailable
}

// A store that stops telling ends the stream, and says that it is not the
// client's fault.
func TestEvents_Unavailable(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.store = cutOff{s.list.backend.(*denylist.Memory)}
	got := s.operate("GET", "/v1/events", "")
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Contains(t, string(got.body), "\n\nevent: unavailable\ndata: {}\n\n")
	assert.Contains(t, s.logs.String(), `"code":"denylist_unavailable"`)
}
