package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// watchedName is what the Sentinel calls the servers that it watches.
	watchedName = "lab"
	// asleep is how long a primary may be silent while it is not to be failed
	// over: a Sentinel that is to see but one fault of several does nothing
	// about the others.
	asleep = time.Hour
	// DownAfter is how long the primary is silent before the Sentinel calls it
	// dead, where a failover is what is wanted. A Sentinel's own default is 30 s.
	DownAfter = 500 * time.Millisecond
	// settleTimeout is far longer than it takes until servers know each other.
	settleTimeout = 30 * time.Second
)

// persistence is what most set-ups have: a killed server comes back with its
// data, but for what it had not handed to the system. A primary waits for no
// further replicas before it sends one its data, five seconds otherwise.
func persistence() []string {
	return []string{"--appendonly", "yes", "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0"}
}

// Lab is one Redis, or a primary with a replica that a Sentinel watches, whose
// faults are for the caller to bring about. Its methods are for one goroutine.
//
// The instants that methods return are of this process's clock: the beginning of
// a fault was read right before the signal was sent, its end right after.
type Lab struct {
	primary, replica, sentinel *Server // replica and sentinel: nil for one alone
}

// Open starts servers from an executable, as Find returns it. Whatever an error
// leaves running is ended. First it removes the directories of this user's servers
// whose process was killed, if that is sure.
func Open(ctx context.Context, executable string, watched bool) (*Lab, error) {
	sweep(os.TempDir())
	l := &Lab{}
	var err error
	if l.primary, err = Start(ctx, executable, Port, persistence()...); err != nil || !watched {
		return l, l.orClose(err)
	}
	if l.replica, err = Start(ctx, executable, Port, persistence()...); err != nil {
		return nil, l.orClose(err)
	}
	// Not for good: once promoted, it must come back as what it is.
	if err = l.replica.Restart(ctx, l.primary.followed()...); err != nil {
		return nil, l.orClose(err)
	}
	// Before the Sentinel looks: the next time is ten seconds later.
	if err = Replicated(ctx, l.replica); err != nil {
		return nil, l.orClose(err)
	}
	if l.sentinel, err = Watch(ctx, executable, watchedName, l.primary, asleep); err != nil {
		return nil, l.orClose(err)
	}
	return l, l.orClose(Settled(ctx, l.sentinel, watchedName))
}

// orClose closes what is there already, where there is an error.
func (l *Lab) orClose(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, l.Close())
}

// followed are the arguments of a server that replicates this one.
func (s *Server) followed() []string {
	host, port, _ := net.SplitHostPort(s.addr)
	return []string{"--replicaof", host, port}
}

// Watched reports whether there are a replica and a Sentinel.
func (l *Lab) Watched() bool { return l.sentinel != nil }

// Primary is the address of the server that is the primary.
func (l *Lab) Primary() string { return l.primary.addr }

// URL is where the primary is, as denylist.OpenURL takes it: whichever of two
// that is.
func (l *Lab) URL() string {
	if !l.Watched() {
		return l.primary.URL()
	}
	return "redis+sentinel://" + l.sentinel.addr + "?master_name=" + watchedName
}

// Client is a client of the primary, with what go-redis sets by itself.
func (l *Lab) Client() *redis.Client {
	if !l.Watched() {
		return redis.NewClient(&redis.Options{Network: l.primary.network, Addr: l.primary.addr})
	}
	return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: watchedName, SentinelAddrs: []string{l.sentinel.addr}})
}

// Close ends all servers and removes what they kept.
func (l *Lab) Close() error {
	var errs []error
	for _, s := range []*Server{l.sentinel, l.replica, l.primary} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// Replicated waits until a replica is in sync.
func Replicated(ctx context.Context, replica *Server) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	client := redis.NewClient(&redis.Options{Network: replica.network, Addr: replica.addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return Poll(ctx, func() error {
		info, err := client.Info(ctx, "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New("lab: the replica is not in sync")
		}
		return err
	})
}

// Settled waits until a Sentinel has found the one replica of the server that it
// knows under a name, in sync.
func Settled(ctx context.Context, sentinel *Server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	watch := redis.NewSentinelClient(&redis.Options{Addr: sentinel.addr})
	defer func() { _ = watch.Close() }()
	return Poll(ctx, func() error {
		replicas, err := watch.Replicas(ctx, name).Result()
		if err != nil {
			return fmt.Errorf("lab: asking the Sentinel: %w", err)
		}
		if len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" || replicas[0]["flags"] != "slave" {
			return fmt.Errorf("lab: the Sentinel knows no replica in sync: %v", replicas)
		}
		return nil
	})
}
