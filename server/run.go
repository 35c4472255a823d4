package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of a connection. A request must have arrived and been answered within
// them, whoever is slow.
const (
	readHeaderTime = 5 * time.Second
	readTime       = 10 * time.Second
	answerTime     = 30 * time.Second // longer than writeTime
	idleTime       = 2 * time.Minute
	maxHeader      = 64 << 10 // a proxy passes its client's cookies on
)

// keysEvery is how often the signing keys are read again.
const keysEvery = 5 * time.Second

// listener is one of the two that serve.
type listener struct {
	net.Listener
	server *http.Server
}

// Run listens and serves until ctx ends, then drops readiness, finishes what
// is in flight and returns nil. ready is called once with the addresses; that
// of the admin listener is empty where there is none.
func (s *Server) Run(ctx context.Context, ready func(addr, adminAddr string)) error {
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.draining.Store(false)
	s.streams.admit()
	group, running := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(l.serve)
	}
	for _, task := range slices.Concat(s.opts.Tasks, []Task{s.reloadKeys()}, s.refreshKeys()) {
		group.Go(func() error { s.repeat(running, task); return nil })
	}
	if ready != nil {
		var addrs [2]string
		for i, l := range listeners {
			addrs[i] = l.Addr().String()
		}
		ready(addrs[0], addrs[1])
	}
	group.Go(func() error {
		<-running.Done()
		s.shutDown(listeners)
		return nil
	})
	return group.Wait()
}

// listen opens the listeners: the main one, and behind it the admin one.
func (s *Server) listen(ctx context.Context) ([]listener, error) {
	secure, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	var listeners []listener
	for _, side := range []struct {
		addr    string
		handler http.Handler
	}{{s.opts.Addr, s.main}, {s.opts.AdminAddr, s.admin}} {
		if side.handler == nil {
			continue
		}
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", side.addr)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, fmt.Errorf("server: %w", err)
		}
		listeners = append(listeners, listener{l, s.httpServer(side.handler, secure)})
	}
	return listeners, nil
}

func (s *Server) httpServer(handler http.Handler, secure *tls.Config) *http.Server {
	return &http.Server{
		Handler:           handler,
		TLSConfig:         secure.Clone(), // a server adds its protocols to it
		ReadHeaderTimeout: readHeaderTime,
		ReadTimeout:       readTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * past our routes, and no log would know
	}
}

func (l listener) serve() error {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l, "", "")
	} else {
		err = l.server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("server: %w", err)
}

// shutDown drops readiness, ends the streams, lets load balancers see it, stops
// accepting and waits for the requests in flight. What is not done by then is
// cut off.
func (s *Server) shutDown(listeners []listener) {
	s.draining.Store(true)
	s.streams.end()
	time.Sleep(s.opts.DrainTime)
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.ShutdownTime)
	defer cancel()
	var both sync.WaitGroup // neither lets anybody in while the other waits
	for _, l := range listeners {
		both.Go(func() {
			if err := l.server.Shutdown(ctx); err != nil {
				s.log.Warn("shutdown: requests were cut off", slog.Any("cause", err))
				l.server.Close()
			}
		})
	}
	both.Wait()
}

// reloadKeys makes this process sign with a key that another one has rotated
// in, before the old one's tokens are refused.
func (s *Server) reloadKeys() Task {
	return Task{Name: "keys", Every: keysEvery, Do: func(context.Context) error { return s.ring.Reload() }}
}

// repeat does a task until ctx ends.
func (s *Server) repeat(ctx context.Context, task Task) {
	var state changes
	ticker := time.NewTicker(task.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.logChange(&state, task.Name, task.Do(ctx))
		}
	}
}
