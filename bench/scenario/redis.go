package scenario

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/denylist"
)

const (
	// maxBatch is how many entries or keys are written at once: what
	// denylist.Redis takes, some 40 ms of Redis by its script, and 5 ms by plain
	// commands.
	maxBatch = 1000
	// maxPrefix leaves room for the run's name in what a denylist takes.
	maxPrefix = 64 - 1 - 2*runNameBytes
	// runNameBytes tell one run from another that measures the same Redis.
	runNameBytes = 6
)

// redisSide is the Redis that is measured, and all that a run has there: keys
// under a prefix that no other run has.
type redisSide struct {
	knobs  Knobs
	prefix string

	// admin fills, looks and cleans: its replies are never delayed, and it
	// takes no connection away from what is measured.
	admin redis.UniversalClient
	// client is what is measured.
	client redis.UniversalClient
	// plain is a client as people make one; nil until a rival asks for it.
	plain redis.UniversalClient

	store      *denylist.Redis // on client
	filler     *denylist.Redis // on admin
	meter      []bench.Meter   // empty where INFO is forbidden
	about      map[string]string
	keeper     *quota.Keeper // of MaxShare, for all but the operations; nil: there is none
	loading    *restraint    // of client, for a mirror that is loaded; nil: as keeper
	background float64       // share of one core that others use

	reached bool // so that keys may have been written
	filled  bool // with entries
	planted bool // with plain keys
}

// checkPrefix refuses what a denylist refuses, before anything is opened.
func checkPrefix(prefix string) error {
	if len(prefix) > maxPrefix || strings.ContainsAny(prefix, "{}") {
		return badKnob("a prefix of %d bytes: want at most %d, and no braces", len(prefix), maxPrefix)
	}
	return nil
}

// openRedis connects, and looks whether this Redis is fit to keep a denylist
// (R17). It writes nothing.
func openRedis(ctx context.Context, k Knobs) (*redisSide, error) {
	r := &redisSide{knobs: k, prefix: k.Redis.Prefix + "-" + newRunName()}
	if err := r.connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("scenario: opening Redis: %w", err), r.close())
	}
	if _, err := r.filler.Inspect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("scenario: looking at Redis: %w", err), r.close())
	}
	r.reached = true
	if err := r.look(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if err := r.restrain(ctx, k.MaxShare); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func newRunName() string {
	name := make([]byte, runNameBytes)
	_, _ = rand.Read(name) // which never fails
	return hex.EncodeToString(name)
}

func (r *redisSide) connect() (err error) {
	if r.admin, r.filler, err = r.dial(0); err != nil {
		return err
	}
	r.client, r.store, err = r.dial(r.knobs.Delay)
	return err
}

// dial returns a client whose replies are late, and a denylist on it.
func (r *redisSide) dial(delay time.Duration) (redis.UniversalClient, *denylist.Redis, error) {
	return r.dialAs(r.knobs.Redis.URL, delay, denylist.RedisOptions{})
}

// dialAs is dial with another URL of the same Redis, and with options of speed.
func (r *redisSide) dialAs(rawURL string, delay time.Duration, opts denylist.RedisOptions) (redis.UniversalClient, *denylist.Redis, error) {
	client, err := denylist.OpenURL(rawURL, r.knobs.Redis.Password)
	if err != nil {
		return nil, nil, err
	}
	if err := delayReplies(client, delay); err != nil {
		return client, nil, err
	}
	store, err := r.denylistOn(client, opts)
	return client, store, err
}

// denylistOn is the run's denylist, asked by some client.
func (r *redisSide) denylistOn(client redis.UniversalClient, opts denylist.RedisOptions) (*denylist.Redis, error) {
	k := r.knobs.Redis
	opts.Prefix, opts.Partitions = r.prefix, k.Partitions
	opts.SkewMargin, opts.CheckTimeout = k.SkewMargin, k.CheckTimeout
	opts.InsecureSkipInspection = k.InsecureSkipInspection
	return denylist.NewRedis(client, opts)
}

// denylist is the store that is measured, with the population's revoked tokens
// and the other entries in it.
func (s *Stand) denylist(ctx context.Context) (*denylist.Redis, error) {
	p, err := s.minted(ctx)
	if err != nil || s.redis.filled {
		return s.redis.store, err
	}
	s.progress("filling the denylist", 0)
	defer s.redis.restrained(ctx)()
	if err := s.redis.fill(ctx, p.entries(s.knobs.Entries), func(written int) {
		s.progress("filling the denylist", float64(written)/float64(len(p.revoked)+s.knobs.Entries))
	}); err != nil {
		return nil, fmt.Errorf("filling the denylist: %w", err)
	}
	s.redis.filled = true
	return s.redis.store, nil
}

// plainKeys is a client as people make one, with one key for each entry of the
// denylist: see plainKey.
func (s *Stand) plainKeys(ctx context.Context) (redis.UniversalClient, error) {
	p, err := s.minted(ctx)
	if err != nil || s.redis.planted {
		return s.redis.plain, err
	}
	if s.redis.plain == nil {
		if s.redis.plain, err = plainClient(s.redis.admin, s.knobs.Delay); err != nil {
			return nil, err
		}
	}
	total := len(p.revoked) + s.knobs.Entries
	s.progress("setting plain keys", 0)
	defer s.redis.restrained(ctx)()
	if err := pour(ctx, p.entries(s.knobs.Entries), s.redis.plant, func(written int) {
		s.progress("setting plain keys", float64(written)/float64(total))
	}); err != nil {
		return nil, fmt.Errorf("setting plain keys: %w", err)
	}
	s.redis.planted = true
	return s.redis.plain, nil
}

// plant sets a batch of plain keys.
func (r *redisSide) plant(ctx context.Context, batch []denylist.Entry) error {
	return r.piece(ctx, func() error {
		return sent(ctx, r.admin, func(pipe redis.Pipeliner) {
			for _, e := range batch {
				pipe.Set(ctx, r.plainKey(e.ID), "1", time.Until(e.Until)+denylist.MaxLeeway)
			}
		})
	})
}

// plainKey is the key of a revoked jti, as people call it.
func (r *redisSide) plainKey(jti string) string { return r.prefix + ":revoked:" + jti }

// plainClient returns a client of the same Redis with what go-redis sets by
// itself, but that it has as many connections.
func plainClient(as redis.UniversalClient, delay time.Duration) (redis.UniversalClient, error) {
	var client redis.UniversalClient
	switch c := as.(type) {
	case *redis.ClusterClient:
		o := c.Options()
		client = redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: o.Addrs, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, PoolSize: o.PoolSize,
		})
	case *redis.Client:
		client = redis.NewClient(plainOptions(c.Options()))
	default:
		return nil, fmt.Errorf("%w: %T is not a client of one Redis, Sentinel or Cluster", denylist.ErrInvalid, as)
	}
	return client, delayReplies(client, delay)
}

// plainOptions are those of a plain client of one Redis.
func plainOptions(o *redis.Options) *redis.Options {
	plain := &redis.Options{
		Network: o.Network, Addr: o.Addr, DB: o.DB,
		Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, PoolSize: o.PoolSize,
	}
	if o.Addr == sentinelAddr {
		plain.Dialer = o.Dialer // which asks the sentinels for the master
	}
	return plain
}

// sentinelAddr is what go-redis calls the master that sentinels know.
const sentinelAddr = "FailoverClient"

// close removes what was written and closes the clients.
func (r *redisSide) close() error {
	var errs []error
	if r.reached {
		errs = append(errs, r.clean())
	}
	for _, c := range []redis.UniversalClient{r.plain, r.client, r.admin} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
