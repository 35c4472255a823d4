package redistest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/lab"
)

// Cluster is three masters that share the slots between them.
type Cluster struct {
	tb      testing.TB
	Masters []*Server
}

const slots = 16384

// StartCluster runs a Redis Cluster of three masters on 127.0.0.1.
func StartCluster(tb testing.TB, args ...string) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	for range 3 {
		c.Masters = append(c.Masters, startNode(tb, args))
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.join(ctx); err != nil {
		tb.Fatalf("redistest: cluster: %v", err)
	}
	return c
}

func startNode(tb testing.TB, args []string) *Server {
	tb.Helper()
	bus, err := lab.FreePort()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return StartTCP(tb, append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
		"--cluster-node-timeout", "2000", "--cluster-announce-bus-port", strconv.Itoa(bus)}, args...)...)
}

func (c *Cluster) join(ctx context.Context) error {
	first := c.Masters[0].Client()
	for i, m := range c.Masters {
		from, to := i*slots/len(c.Masters), (i+1)*slots/len(c.Masters)-1
		node := m.Client()
		if err := node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return err
		}
		if err := node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", from, to).Err(); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		host, port, err := net.SplitHostPort(m.Options().Addr)
		if err != nil {
			return err
		}
		bus, err := node.ConfigGet(ctx, "cluster-port").Result()
		if err != nil {
			return err
		}
		if err := first.Do(ctx, "CLUSTER", "MEET", host, port, bus["cluster-port"]).Err(); err != nil {
			return err
		}
	}
	return c.settled(ctx)
}

// settled waits until every node knows the whole cluster.
func (c *Cluster) settled(ctx context.Context) error {
	for _, m := range c.Masters {
		node := m.Client()
		err := Poll(ctx, func() error {
			info, err := node.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return fmt.Errorf("not settled: %s", info)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Addrs are the masters' addresses.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, m := range c.Masters {
		addrs = append(addrs, m.Options().Addr)
	}
	return addrs
}

// URL is where the cluster is, as denylist.OpenURL takes it.
func (c *Cluster) URL() string {
	addrs := c.Addrs()
	return "redis+cluster://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr=")
}

// Client returns a new client, closed at the end of the test.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), ContextTimeoutEnabled: true,
		MaxRetries: -1, DialerRetries: 1})
	c.tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Prefix is a key prefix that no other handle in this process has.
func (c *Cluster) Prefix() string { return c.Masters[0].prefix }
