package denylist_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/denylist/denylisttest"
	"github.com/rescindhq/rescind/internal/redistest"
)

// newRedis returns a store with deadlines that a loaded machine keeps.
func newRedis(t testing.TB, client redis.UniversalClient, opts denylist.RedisOptions) *denylist.Redis {
	t.Helper()
	if opts.CheckTimeout == 0 {
		opts.CheckTimeout = 5 * time.Second
	}
	if opts.WriteTimeout == 0 {
		opts.WriteTimeout = 5 * time.Second
	}
	r, err := denylist.NewRedis(client, opts)
	require.NoError(t, err)
	return r
}

// open returns a client as a program has it.
func open(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	c, err := denylist.OpenURL(url, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// behindProxy is a store on the shared server whose link can be broken.
func behindProxy(t *testing.T, partitions int) denylisttest.Subject {
	s := redistest.Shared(t)
	p := redistest.NewProxy(t, s)
	return denylisttest.Subject{
		Store: newRedis(t, open(t, p.URL()), denylist.RedisOptions{
			Prefix: s.Prefix(), Partitions: partitions, MaxStaleness: 20 * time.Millisecond,
		}),
		DeniesApart: partitions > 1,
		LoseReply:   func() { p.LoseReply("evalsha") },
		Break:       p.Refuse,
		Mend:        p.Allow,
	}
}

func TestRedis_Contract(t *testing.T) {
	t.Parallel()
	denylisttest.Run(t, func(t *testing.T) denylisttest.Subject { return behindProxy(t, 1) })
}

func TestRedis_Contract16Partitions(t *testing.T) {
	t.Parallel()
	denylisttest.Run(t, func(t *testing.T) denylisttest.Subject { return behindProxy(t, 16) })
}

func TestRedis_ContractCluster(t *testing.T) {
	t.Parallel()
	for name, partitions := range map[string]int{"1 partition": 1, "16 partitions": 16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t)
			client := open(t, cluster.URL())
			denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
				return denylisttest.Subject{
					Store: newRedis(t, client, denylist.RedisOptions{
						Prefix: redistest.NextPrefix(), Partitions: partitions, MaxStaleness: 20 * time.Millisecond,
					}),
					DeniesApart: partitions > 1,
				}
			})
		})
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
