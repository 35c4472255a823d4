package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// masterName is what the sentinels call their master.
const masterName = "main"

// Sentinel is a master, its replica, and the one sentinel that watches them.
type Sentinel struct {
	tb              testing.TB
	Master, Replica *Server // as they were at the start
	watch           *Server
}

// StartSentinel runs a master, a replica and a sentinel on 127.0.0.1. The
// sentinel calls a master dead after half a second.
func StartSentinel(tb testing.TB, args ...string) *Sentinel {
	tb.Helper()
	s := &Sentinel{tb: tb, Master: StartTCP(tb, args...)}
	host, port, err := net.SplitHostPort(s.Master.proc.at.addr)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	s.Replica = StartTCP(tb, append([]string{"--replicaof", host, port, "--repl-diskless-sync-delay", "0"}, args...)...)
	s.watch = startWatch(tb, host, port)

	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := s.settled(ctx); err != nil {
		tb.Fatalf("redistest: sentinel: %v", err)
	}
	return s
}

// startWatch runs a sentinel, which insists on a file of its own to write to.
func startWatch(tb testing.TB, host, port string) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	at, err := portEndpoint()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	p := &process{dir: dir, at: at}
	tb.Cleanup(p.remove)
	_, own, _ := net.SplitHostPort(at.addr)
	conf := filepath.Join(dir, "sentinel.conf")
	lines := []string{
		"port " + own, "bind 127.0.0.1", "dir " + dir, "logfile " + p.logfile(),
		fmt.Sprintf("sentinel monitor %s %s %s 1", masterName, host, port),
		"sentinel down-after-milliseconds " + masterName + " 500",
		"sentinel failover-timeout " + masterName + " 2000", "",
	}
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	binary, err := Find()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	if err := p.run(binary, []string{conf, "--sentinel"}); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return &Server{tb: tb, proc: p, prefix: NextPrefix()}
}

// settled waits until the sentinel has found the replica, in sync.
func (s *Sentinel) settled(ctx context.Context) error {
	watch := redis.NewSentinelClient(s.watch.Options())
	defer func() { _ = watch.Close() }()
	return Poll(ctx, func() error {
		replicas, err := watch.Replicas(ctx, masterName).Result()
		if err != nil {
			return err
		}
		if len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" || replicas[0]["flags"] != "slave" {
			return fmt.Errorf("not settled: %v", replicas)
		}
		return nil
	})
}

// Failover kills the master and waits until the replica has taken its place.
func (s *Sentinel) Failover() {
	s.tb.Helper()
	s.Master.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	replica := s.Replica.Client()
	err := Poll(ctx, func() error {
		role, err := replica.Do(ctx, "ROLE").Slice()
		if err != nil {
			return err
		}
		if role[0] != "master" {
			return fmt.Errorf("still a %v", role[0])
		}
		return nil
	})
	if err != nil {
		s.tb.Fatalf("redistest: failover: %v", err)
	}
}

// URL is where the set-up is, as denylist.OpenURL takes it.
func (s *Sentinel) URL() string {
	return "redis+sentinel://" + s.watch.proc.at.addr + "?master_name=" + masterName
}

// Client returns a new client, closed at the end of the test.
func (s *Sentinel) Client() *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: masterName, SentinelAddrs: []string{s.watch.proc.at.addr},
		ContextTimeoutEnabled: true, MaxRetries: -1})
	s.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Prefix is a key prefix that no other handle in this process has.
func (s *Sentinel) Prefix() string { return s.Master.prefix }
