package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrNoServer is what Find returns where there is no Redis to start.
var ErrNoServer = fmt.Errorf("no redis-server: install redis-server or valkey-server, or name one: %w", exec.ErrNotFound)

// Find returns the path of the executable that is named, or where none is, of
// redis-server or valkey-server on the PATH. It is absolute: servers run in
// directories of their own.
func Find(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("redis-server: %w", err)
		}
		return filepath.Abs(path)
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", ErrNoServer
}

// Poll calls try some 200 times a second until it returns nil. When ctx ends
// first it returns the last error too.
func Poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// FreePort returns a port of 127.0.0.1 that nothing listened on a moment ago. It
// is none of those that systems give to clients: one of them could have it by the
// time that a server listens, or listens again.
func FreePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000))))
		if err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().(*net.TCPAddr).Port, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return 0, err
		}
	}
	return 0, errors.New("lab: no port of 127.0.0.1 is free")
}

// freeAddr is FreePort as an address.
func freeAddr() (string, error) {
	port, err := FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
