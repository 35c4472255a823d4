package interop

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// tap stands between a proxy and rescind, and hears what the proxy asks.
type tap struct {
	Addr  string
	Conns atomic.Int64 // accepted so far

	to    string
	muted atomic.Bool

	mu    sync.Mutex
	heard []*bytes.Buffer // of each connection
	open  map[net.Conn]bool
}

// newTap listens until the end of the test. With an authority it speaks TLS
// with the proxy, and not with rescind.
func newTap(t *testing.T, to string, secure *authority) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if secure != nil {
		pair, err := tls.LoadX509KeyPair(secure.Issue("tap"))
		require.NoError(t, err)
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	p := &tap{Addr: l.Addr().String(), to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); p.hangUp() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.Conns.Add(1)
			go p.relay(conn)
		}
	}()
	return p
}

// Mute lets nothing of what is asked reach rescind: who asks waits in vain.
func (p *tap) Mute(muted bool) {
	p.muted.Store(muted)
	p.hangUp()
}

func (p *tap) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

func (p *tap) relay(client net.Conn) {
	heard := new(bytes.Buffer)
	p.keep(client, heard)
	defer p.drop(client)
	if p.muted.Load() {
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return // and the proxy's connection closes: rescind is down
	}
	p.keep(server, nil)
	defer p.drop(server)
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_, _ = io.Copy(server, io.TeeReader(client, locked{p, heard}))
}

func (p *tap) keep(conn net.Conn, heard *bytes.Buffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[conn] = true
	if heard != nil {
		p.heard = append(p.heard, heard)
	}
}

func (p *tap) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = conn.Close()
	delete(p.open, conn)
}

// locked writes what was heard while nobody reads it.
type locked struct {
	p  *tap
	to *bytes.Buffer
}

func (w locked) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.to.Write(b)
}

// Asked is every request that was heard since the last call, with its body.
// It is for when none is under way.
func (p *tap) Asked(t *testing.T) (asked []*http.Request, bodies []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, heard := range p.heard {
		r := bufio.NewReader(bytes.NewReader(heard.Bytes()))
		for {
			request, err := http.ReadRequest(r)
			if err == io.EOF {
				break
			}
			require.NoError(t, err, "%q", heard.String())
			body, err := io.ReadAll(request.Body)
			require.NoError(t, err, "%q", heard.String())
			asked, bodies = append(asked, request), append(bodies, string(body))
		}
		heard.Reset()
	}
	return asked, bodies
}
