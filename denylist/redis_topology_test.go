package denylist_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/denylist/denylisttest"
	"github.com/rescindhq/rescind/internal/redistest"
)

func TestRedis_ContractSentinel(t *testing.T) {
	t.Parallel()
	sentinel := redistest.StartSentinel(t)
	client := open(t, sentinel.URL())
	denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
		return denylisttest.Subject{Store: newRedis(t, client, denylist.RedisOptions{
			Prefix: redistest.NextPrefix(), MaxStaleness: 20 * time.Millisecond,
		})}
	})
}

// TestRedis_Failover: what the replica has stays revoked, and the store goes
// on with the new master, which knows none of its scripts.
func TestRedis_Failover(t *testing.T) {
	t.Parallel()
	sentinel := redistest.StartSentinel(t)
	client := open(t, sentinel.URL())
	store := newRedis(t, client, denylist.RedisOptions{})
	session := func(id string) denylist.Token {
		return denylist.Token{Issuer: "https://issuer.example", ID: id + "/0", Session: id, Subject: "u",
			Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	}
	revoke := func(id string) error {
		_, err := store.Revoke(t.Context(), denylist.SessionEntry("https://issuer.example", id, time.Time{}))
		return err
	}
	_, err := store.Inspect(t.Context())
	require.NoError(t, err)
	require.NoError(t, revoke("before"))
	require.NoError(t, redistest.Poll(within(t, 10*time.Second), func() error { // until the replica has it
		return sentinel.Replica.Client().Do(t.Context(), "HGET", "rescind:{0}:meta", "seq").Err()
	}))

	sentinel.Failover()
	require.NoError(t, redistest.Poll(within(t, 30*time.Second), func() error { return store.Check(t.Context(), session("good")) }))
	assert.ErrorIs(t, store.Check(t.Context(), session("before")), denylist.ErrRevoked)
	require.NoError(t, redistest.Poll(within(t, 30*time.Second), func() error { return revoke("after") }))
	assert.ErrorIs(t, store.Check(t.Context(), session("after")), denylist.ErrRevoked)
	token := session("exchanged")
	_, err = store.Spend(t.Context(), token, denylist.Successor{ID: "next", ExpiresAt: token.ExpiresAt}, denylist.Exchange{})
	assert.NoError(t, err)
}

// TestR17_InspectCluster: each master is inspected; one that is unfit is
// enough.
func TestR17_InspectCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	store := newRedis(t, open(t, cluster.URL()), denylist.RedisOptions{Partitions: 16})
	found, err := store.Inspect(t.Context())
	require.NoError(t, err)
	assert.Len(t, found.Servers, 3)

	bad := cluster.Masters[2].Client()
	require.NoError(t, bad.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
	require.NoError(t, bad.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	_, err = store.Inspect(t.Context())
	assert.ErrorIs(t, err, denylist.ErrUnfit)
	assert.Contains(t, err.Error(), "CONFIG SET maxmemory-policy noeviction")

	node := newRedis(t, open(t, cluster.Masters[0].URL()), denylist.RedisOptions{})
	_, err = node.Inspect(t.Context())
	assert.ErrorIs(t, err, denylist.ErrUnfit)
	assert.Contains(t, err.Error(), "redis+cluster://", "one node is not the Cluster")
}

// partitionOf is where the entries of an id are, of sixteen partitions.
func partitionOf(issuer, id string) int {
	of := sha256.Sum256([]byte(issuer))
	sum := sha256.Sum256(append(of[:], id...))
	return int(sum[0] >> 4)
}

// TestR14_ClusterNodeDown: of 16 partitions all that may deny a token must
// have answered, unless one denies it.
func TestR14_ClusterNodeDown(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	client := open(t, cluster.URL())
	store := newRedis(t, client, denylist.RedisOptions{Partitions: 16, CheckTimeout: time.Second, WriteTimeout: time.Second})
	token := func(session string) denylist.Token {
		return denylist.Token{Issuer: "https://issuer.example", ID: session + "/0", Session: session, Subject: session,
			Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	}
	sessions := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
	for _, s := range sessions {
		_, err := store.Revoke(t.Context(), denylist.SessionEntry("https://issuer.example", s+" revoked", time.Time{}))
		require.NoError(t, err)
		require.NoError(t, store.Check(t.Context(), token(s)))
	}
	onHung := func(id string) bool {
		node, err := client.(*redis.ClusterClient).MasterForKey(t.Context(), fmt.Sprintf("{%d}", partitionOf("https://issuer.example", id)))
		require.NoError(t, err)
		return node.Options().Addr == cluster.Masters[1].Options().Addr
	}
	alone := token(sessions[slices.IndexFunc(sessions, func(s string) bool { return !onHung(s + " revoked") })] + " revoked")
	for i := 0; !onHung(alone.ID); i++ {
		alone.ID = fmt.Sprint(i)
	}
	cluster.Masters[1].Stop()
	assert.ErrorIs(t, store.Check(t.Context(), alone), denylist.ErrRevoked, "its session, though its own entry is on the hung node")
	var denied, unknown atomic.Int64
	var asking sync.WaitGroup
	for _, s := range sessions { // side by side: each has to wait
		asking.Go(func() {
			err := store.Check(t.Context(), token(s+" revoked"))
			assert.Error(t, err, "nothing that is revoked passes")
			if errors.Is(err, denylist.ErrRevoked) {
				denied.Add(1)
			}
		})
		asking.Go(func() {
			if err := store.Check(t.Context(), token(s)); err != nil {
				assert.ErrorIs(t, err, denylist.ErrUnavailable)
				unknown.Add(1)
			}
		})
	}
	asking.Wait()
	assert.Positive(t, denied.Load(), "denials of the other nodes stand")
	assert.Positive(t, unknown.Load(), "a token of whose entries one is on the hung node")
	cluster.Masters[1].Continue()
	for _, s := range sessions {
		require.NoError(t, redistest.Poll(within(t, time.Minute), func() error { return store.Check(t.Context(), token(s)) }))
		require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
			err := store.Check(t.Context(), token(s+" revoked"))
			require.Error(t, err)
			if errors.Is(err, denylist.ErrUnavailable) { // for whoever is slow
				return err
			}
			assert.ErrorIs(t, err, denylist.ErrRevoked)
			return nil
		}))
	}
}
