package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

const (
	// maxStreams is how many clients may follow at once.
	maxStreams = 64
	// farewell is how long a client may hold up the end of a server.
	farewell = time.Second
)

// errStreams is in the table of errors.
var errStreams = errors.New("server: too many streams")

// streams are the open streams of events. They have no end of their own, so a
// server that ends has to end them.
type streams struct {
	mu   sync.Mutex
	over bool // no more are opened
	all  map[*stream]struct{}
}

// open admits a client.
func (ss *streams) open(a *answer, r *http.Request) (*stream, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	switch {
	case ss.over:
		return nil, fmt.Errorf("%w: the server is shutting down", denylist.ErrUnavailable)
	case len(ss.all) >= maxStreams:
		return nil, errStreams
	case ss.all == nil:
		ss.all = map[*stream]struct{}{}
	}
	s := &stream{answer: a, connection: http.NewResponseController(a.ResponseWriter)}
	s.ctx, s.cancel = context.WithCancel(r.Context())
	ss.all[s] = struct{}{}
	return s, nil
}

// close is for the handler of a stream, before it returns: nobody touches its
// connection after that.
func (ss *streams) close(s *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.cancel()
	delete(ss.all, s)
}

// admit lets clients in again.
func (ss *streams) admit() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.over = false
}

// end ends all streams and lets nobody in.
func (ss *streams) end() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.over = true
	for s := range ss.all {
		s.cancel()
		_ = s.connection.SetWriteDeadline(time.Now().Add(farewell))
	}
}
