package redistest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Proxy stands between a client and a server, on a unix socket of its own, and
// breaks the link when told to.
type Proxy struct {
	tb     testing.TB
	path   string // of the socket
	server *Server

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	refuse bool
	lose   []byte // what a request must contain for its reply to be lost
	times  int    // how many replies more to lose
}

// NewProxy starts a proxy in front of s.
func NewProxy(tb testing.TB, s *Server) *Proxy {
	tb.Helper()
	path := filepath.Join(s.proc.Dir(), "p"+NextPrefix())
	l, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatalf("redistest: proxy: %v", err)
	}
	p := &Proxy{tb: tb, path: path, server: s, conns: map[net.Conn]struct{}{}}
	var done sync.WaitGroup
	done.Go(func() { p.accept(l, &done) })
	tb.Cleanup(func() {
		_ = l.Close()
		p.Cut()
		done.Wait()
	})
	return p
}

// URL is where the proxy listens, as denylist.OpenURL takes it.
func (p *Proxy) URL() string { return (&url.URL{Scheme: "unix", Path: p.path}).String() }

// Client returns a new client of the proxy, closed at the end of the test.
func (p *Proxy) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: p.path,
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	p.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// LoseReply lets the next request that contains text (a command's name, part
// of a key) reach the server, and loses the reply with its connection.
func (p *Proxy) LoseReply(text string) { p.LoseReplies(text, 1) }

// LoseReplies is LoseReply for the next n such requests.
func (p *Proxy) LoseReplies(text string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.times = bytes.ToLower([]byte(text)), n
}

// Pending is how many replies are still to be lost.
func (p *Proxy) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

// Cut closes every connection. New ones are let through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Refuse cuts the link and keeps it cut until Allow.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
}

// Allow lets connections through again.
func (p *Proxy) Allow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = false
}

func (p *Proxy) accept(l net.Listener, done *sync.WaitGroup) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		done.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	server, err := net.Dial(p.server.Addr())
	if err != nil || !p.track(server) {
		return
	}
	defer p.untrack(server)

	var replies sync.WaitGroup
	link := &link{proxy: p}
	replies.Go(func() {
		link.copyReplies(client, server)
		_ = client.Close()
	})
	link.copyRequests(server, client)
	_ = server.Close()
	replies.Wait()
}

func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// takes reports whether the reply to request is to be lost.
func (p *Proxy) takes(request []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times == 0 || !bytes.Contains(bytes.ToLower(request), p.lose) {
		return false
	}
	p.times--
	return true
}

// link is one proxied connection.
type link struct {
	proxy *Proxy
	mu    sync.Mutex
	dead  bool // the next reply is lost
}

func (l *link) copyRequests(server io.Writer, client io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if l.proxy.takes(buf[:n]) {
			l.setDead()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *link) copyReplies(client io.Writer, server io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || l.isDead() {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *link) setDead() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *link) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}
