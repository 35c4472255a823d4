package redistest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/lab"
)

// masterName is what the sentinels call their master.
const masterName = "main"

// Sentinel is a master, its replica, and the one sentinel that watches them.
type Sentinel struct {
	tb              testing.TB
	Master, Replica *Server // as they were at the start
	watch           *lab.Server
}

// StartSentinel runs a master, a replica and a sentinel on 127.0.0.1. The
// sentinel calls a master dead after half a second.
func StartSentinel(tb testing.TB, args ...string) *Sentinel {
	tb.Helper()
	s := &Sentinel{tb: tb, Master: StartTCP(tb, append([]string{"--repl-diskless-sync-delay", "0"}, args...)...)}
	host, port, err := net.SplitHostPort(s.Master.Options().Addr)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	s.Replica = StartTCP(tb, append([]string{"--replicaof", host, port}, args...)...)
	binary, err := Find()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// Before the sentinel looks: the next time is ten seconds later.
	if err := lab.Replicated(ctx, s.Replica.proc); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	if s.watch, err = lab.Watch(ctx, binary, masterName, s.Master.proc, 500*time.Millisecond); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { _ = s.watch.Close() })
	if err := lab.Settled(ctx, s.watch, masterName); err != nil {
		tb.Fatalf("redistest: sentinel: %v", err)
	}
	return s
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
	return "redis+sentinel://" + s.sentinelAddr() + "?master_name=" + masterName
}

func (s *Sentinel) sentinelAddr() string {
	_, addr := s.watch.Addr()
	return addr
}

// Client returns a new client, closed at the end of the test.
func (s *Sentinel) Client() *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: masterName, SentinelAddrs: []string{s.sentinelAddr()},
		ContextTimeoutEnabled: true, MaxRetries: -1})
	s.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Prefix is a key prefix that no other handle in this process has.
func (s *Sentinel) Prefix() string { return s.Master.prefix }
