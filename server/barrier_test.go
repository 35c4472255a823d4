package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// slowBarrier is a fleet whose mirrors may lag for long.
type slowBarrier struct {
	*spyStore
	lag time.Duration
}

func (s slowBarrier) Barrier(ctx context.Context) error {
	select {
	case <-time.After(s.lag):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", denylist.ErrUnknown, ctx.Err())
	}
}

// pipes is a listener of connections in memory, whose deadlines are on the
// bubble's clock.
type pipes chan net.Conn

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }
func (p pipes) Close() error   { close(p); return nil }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// askBarrier revokes with a barrier, over a connection with all its bounds, on
// a fleet that may lag for a minute.
func askBarrier(t *testing.T, s *site) net.Conn {
	t.Helper()
	patient, err := New(s.sessions, s.callers, slowBarrier{s.list, time.Minute}, s.opts)
	require.NoError(t, err)
	server, client := net.Pipe()
	listener := make(pipes, 1)
	listener <- server
	running := patient.httpServer(patient.AdminHandler(), nil)
	go running.Serve(listener)
	t.Cleanup(func() { assert.NoError(t, running.Close()) })

	const body = `{"scope":"session","id":"a","barrier":true}`
	_, err = fmt.Fprintf(client, "POST /v1/revocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		testAdminToken, len(body), body)
	require.NoError(t, err)
	return client
}

// R16: a barrier is answered when the fleet's max-staleness is over, however
// long that is: no bound of the connection or of a write comes before it.
func TestR16_BarrierOutlastsTheTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := askBarrier(t, newSite(t, siteOptions{}))
		res, err := http.ReadResponse(bufio.NewReader(client), nil)
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, http.StatusCreated, res.StatusCode)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

// Nobody is waited for who has gone; the entry stands.
func TestBarrier_ClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, siteOptions{})
		client := askBarrier(t, s)
		time.Sleep(time.Second)
		require.NoError(t, client.Close())
		synctest.Wait()
		assert.Contains(t, s.logs.String(), `"code":"client_gone"`)
		assert.Contains(t, s.logs.String(), `"outcome":"recorded"`)
	})
}
