package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

// patience is how long a command waits for an answer where no --check-timeout
// is given: the 50 ms of a server are for requests.
const patience = 5 * time.Second

// seeHelp is for settings that a library refuses.
const seeHelp = "run rescind help for what each setting may be"

// denylister is the denylist as an operator's command sees it: in Redis, or
// behind a server's admin API.
type denylister struct {
	denylist.Store
	denylist.Operator
	close func()
}

// openDenylist opens the denylist that --redis or --server names. There is no
// other: a command that asked an empty one of its own would say that nothing
// is denied.
func (c *call) openDenylist(ctx context.Context) (*denylister, error) {
	switch {
	case c.redis != "" && c.server != "":
		return nil, c.twoDenylists()
	case c.redis != "":
		return c.openRedis(ctx)
	case c.server != "":
		return c.openRemote(ctx)
	}
	return nil, usageError("no denylist: neither --redis nor --server is named").
		hint("--redis URL asks Redis itself; --server URL asks a server's admin API with RESCIND_ADMIN_TOKEN")
}

func (c *call) twoDenylists() error {
	return usageError("%s and %s both name a denylist", c.origin["redis"], c.origin["server"]).hint("name one of them")
}

// openRedis opens the store and refuses one that is not fit (R17).
func (c *call) openRedis(ctx context.Context) (*denylister, error) {
	store, client, err := c.dialRedis()
	if err != nil {
		return nil, err
	}
	if _, err := store.Inspect(ctx); err != nil {
		return nil, errors.Join(redisTrouble(err), client.Close())
	}
	return &denylister{Store: store, Operator: store, close: func() { _ = client.Close() }}, nil
}

// dialRedis returns the store in Redis, which has not been asked anything yet.
func (c *call) dialRedis() (*denylist.Redis, redis.UniversalClient, error) {
	clean, password, err := c.redisURL()
	if err != nil {
		return nil, nil, err
	}
	client, err := denylist.OpenURL(clean, password)
	if err != nil {
		return nil, nil, usageError("%s: %w", c.origin["redis"], err)
	}
	store, err := denylist.NewRedis(client, c.redisOptions())
	if err != nil {
		refusal := usageError("%w", err).hint(seeHelp)
		return nil, nil, errors.Join(refusal, client.Close())
	}
	return store, client, nil
}

func (c *call) redisOptions() denylist.RedisOptions {
	opts := denylist.RedisOptions{
		Prefix:                 c.prefix,
		Partitions:             c.partitions,
		SkewMargin:             c.skewMargin,
		MaxStaleness:           c.maxStaleness,
		Lifetime:               c.longestLifetime(),
		CheckTimeout:           c.checkTimeout,
		CheckFlights:           c.checkFlights,
		CheckBatch:             c.checkBatch,
		InsecureSkipInspection: c.skipInspection,
	}
	if c.set("check-window") { // its default gives way to a shorter check-timeout
		opts.CheckWindow = c.checkWindow
	}
	return opts
}

// redisURL returns the URL without a password, and the password.
func (c *call) redisURL() (clean, password string, err error) {
	password, err = secret(c.getenv, "RESCIND_REDIS_PASSWORD")
	if err != nil {
		return "", "", err
	}
	clean, inURL, err := splitPassword(c.redis)
	switch {
	case err != nil:
		return "", "", err
	case inURL != "" && password != "":
		return "", "", usageError("RESCIND_REDIS has a password, and RESCIND_REDIS_PASSWORD is set too").hint("keep one of them")
	case inURL != "":
		return clean, inURL, nil
	}
	return clean, password, nil
}

// redisTrouble says what to do about a Redis that cannot be used.
func redisTrouble(err error) error {
	if errors.Is(err, denylist.ErrUnfit) {
		return (&failure{code: exitUsage, err: err}).hint("this Redis, or these settings, cannot keep a denylist; asking again does not help")
	}
	if redis.IsAuthError(err) {
		return (&failure{code: exitCannotTell, err: err}).hint("RESCIND_REDIS_PASSWORD, or the file that RESCIND_REDIS_PASSWORD_FILE names, must have this Redis's password")
	}
	if redis.IsOOMError(err) {
		return (&failure{code: exitCannotTell, err: err}).hint("this Redis is full: raise its maxmemory; of bench, take fewer --entries and --tokens")
	}
	var answered redis.Error
	if errors.As(err, &answered) {
		return (&failure{code: exitCannotTell, err: err}).hint("this Redis refuses: it must take writes, and let this user run INFO, TIME and scripts")
	}
	return (&failure{code: exitCannotTell, err: err}).hint("is Redis up, and is that its address?")
}

// revoke writes an entry; with barrier it waits until every check of the
// fleet sees it.
func (d *denylister) revoke(ctx context.Context, entry denylist.Entry, barrier bool) (denylist.Result, error) {
	if r, ok := d.Store.(*remote); ok {
		r.barrier = barrier // the server waits
	}
	receipt, err := d.Revoke(ctx, entry)
	if err != nil {
		return denylist.Result{}, err
	}
	if b, ok := d.Store.(denylist.Barrier); ok && barrier {
		err = b.Barrier(ctx)
	}
	return receipt.Results[0], err
}

// issuerFor is the issuer of the entries that a command is about. A server
// knows its own.
func (c *call) issuerFor(d *denylister) (string, error) {
	if r, ok := d.Store.(*remote); ok && c.issuer == "" {
		return r.stats.Issuer, nil
	}
	return c.issuer, c.need("issuer")
}
