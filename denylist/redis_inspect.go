package denylist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Inspect implements [Inspector] (R17). It looks at each master, at the
// settings on record, and proves that scripts may write. What is wrong is told
// all at once.
func (r *Redis) Inspect(ctx context.Context) (Inspection, error) {
	if err := interrupted(ctx); err != nil {
		return Inspection{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*r.opts.WriteTimeout)
	defer cancel()
	servers, wrong, err := r.inspectServers(ctx)
	if err != nil {
		return Inspection{}, unavailable("inspect", because(ctx, err))
	}
	found := Inspection{Servers: servers}
	if len(wrong) > 0 {
		// A server that is unfit need not know what is on record.
		return found, unfit(wrong)
	}
	if wrong, err = r.inspectRecord(ctx, &found); err != nil {
		return found, unavailable("inspect", because(ctx, err))
	}
	if len(wrong) > 0 {
		return found, unfit(wrong)
	}
	return found, r.proveWrites(ctx)
}

func unfit(wrong []string) error {
	return fmt.Errorf("%w: %s", ErrUnfit, strings.Join(wrong, "; "))
}

// inspectServers looks at each master and says what is wrong with them.
func (r *Redis) inspectServers(ctx context.Context) (servers []ServerInfo, wrong []string, err error) {
	var mu sync.Mutex
	look := func(ctx context.Context, c *redis.Client) error {
		info, faults, err := r.inspectServer(ctx, c)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		servers = append(servers, info)
		for _, fault := range faults {
			wrong = append(wrong, info.Addr+": "+fault)
		}
		return nil
	}
	switch c := r.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, look)
	case *redis.Client:
		err = look(ctx, c)
	}
	return servers, wrong, err
}

func (r *Redis) inspectServer(ctx context.Context, c *redis.Client) (ServerInfo, []string, error) {
	_, cluster := r.client.(*redis.ClusterClient)
	server := ServerInfo{Addr: c.Options().Addr}
	sent := r.opts.Now()
	now, err := c.Time(ctx).Result()
	if err != nil {
		return server, nil, err
	}
	trip := r.opts.Now().Sub(sent)
	server.ClockOffset = now.Sub(sent.Add(trip / 2))
	var wrong []string
	if apart := server.ClockOffset.Abs(); apart > r.opts.SkewMargin+trip/2 {
		wrong = append(wrong, fmt.Sprintf("its clock and ours are %v apart, more than the skew margin of %v: set the clocks",
			apart.Round(time.Millisecond), r.opts.SkewMargin))
	}
	text, err := c.Info(ctx).Result()
	switch {
	case forbidden(err) && r.opts.InsecureSkipInspection:
		return server, wrong, nil
	case forbidden(err):
		return server, append(wrong, "INFO is forbidden: allow this user +info, or skip the inspection"), nil
	case err != nil:
		return server, nil, err
	}
	info := parseInfo(text)
	info.describe(&server)
	return server, append(wrong, info.faults(server, cluster)...), nil
}

// forbidden reports whether a command is not ours to use: by ACL or renamed.
func forbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "ERR unknown command") ||
		redis.HasErrorPrefix(err, "unknown command")
}

// inspectRecord compares the settings on record, in each partition.
func (r *Redis) inspectRecord(ctx context.Context, found *Inspection) (wrong []string, err error) {
	found.Partitions = r.keys.partitions()
	found.MaxLeeway, found.SkewMargin, found.MaxStaleness = MaxLeeway, r.opts.SkewMargin, r.opts.MaxStaleness
	epochs := make([]string, r.keys.partitions())
	for p := range epochs {
		m, err := r.meta(ctx, r.client, p)
		if errors.Is(err, errForeign) {
			return []string{err.Error()}, nil
		}
		if err != nil {
			return nil, err
		}
		epochs[p] = m.epoch
		found.Seq += m.seq
		found.Spends += m.spends
		if unlike := r.unlike(m); len(unlike) > 0 && len(wrong) == 0 {
			wrong = unlike
			found.Partitions = m.partitions
			found.MaxLeeway, found.SkewMargin, found.MaxStaleness = m.maxLeeway, m.skewMargin, m.maxStaleness
		}
	}
	if strings.Join(epochs, "") != "" {
		found.Epoch = strings.Join(epochs, ".")
	}
	return wrong, nil
}

// proveWrites runs a script in each partition that writes nothing and that
// only a Redis that would accept a write begins.
func (r *Redis) proveWrites(ctx context.Context) error {
	for p := range r.keys.partitions() {
		if _, err := r.run(ctx, clockScript, p, nil, nil); err != nil {
			return unavailable("inspect", because(ctx, err))
		}
	}
	return nil
}
