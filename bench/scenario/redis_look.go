package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

// infoFields are what INFO says that explains a figure, by the name under
// which results have it.
var infoFields = [...]struct{ field, name string }{
	{"redis_version", "version"},
	{"valkey_version", "valkey"},
	{"redis_mode", "mode"},
	{"maxmemory", "maxmemory"},
	{"maxmemory_policy", "maxmemory-policy"},
	{"maxclients", "maxclients"},
	{"hz", "hz"},
	{"aof_enabled", "appendonly"},
}

// look describes the Redis, and finds out whether its CPU time can be read.
func (r *redisSide) look(ctx context.Context) error {
	r.about = map[string]string{"address": showAddress(r.knobs.Redis.URL), "prefix": r.prefix}
	var mu sync.Mutex
	masters := 0
	err := eachMaster(ctx, r.admin, func(ctx context.Context, c *redis.Client) error {
		about, err := lookAt(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(r.about, about)
		masters++
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: scenario: looking at Redis: %w", denylist.ErrUnavailable, err)
	}
	if masters > 1 {
		r.about["masters"] = strconv.Itoa(masters)
	}
	return r.openMeter(ctx)
}

// openMeter reads the meter once. Where INFO is forbidden there is none.
func (r *redisSide) openMeter(ctx context.Context) error {
	m := bench.Meter{Of: bench.Redis, Read: r.cpu}
	switch _, err := m.Read(ctx); {
	case err == nil:
		r.meter = []bench.Meter{m}
	case !isForbidden(err):
		return fmt.Errorf("%w: scenario: reading the CPU time of Redis: %w", denylist.ErrUnavailable, err)
	}
	return nil
}

// unasked is the meter of a contender that asks no Redis, in a run in which
// others do: none of its CPU time is that contender's, and the sums of all
// processes can be compared.
func (r *redisSide) unasked() []bench.Meter {
	if len(r.meter) == 0 {
		return nil
	}
	return []bench.Meter{{Of: bench.Redis, Read: func(context.Context) (time.Duration, error) { return 0, nil }}}
}

// describe is what look found; the map is the caller's.
func (r *redisSide) describe() map[string]string { return maps.Clone(r.about) }

// lookAt describes one server; what it does not tell is left out.
func lookAt(ctx context.Context, c *redis.Client) (map[string]string, error) {
	about := map[string]string{}
	info, err := readInfo(ctx, c, "server", "clients", "memory", "persistence")
	if err != nil && !isForbidden(err) {
		return nil, err
	}
	for _, f := range infoFields {
		if value := info[f.field]; value != "" {
			about[f.name] = value
		}
	}
	if on, ok := map[string]string{"0": "no", "1": "yes"}[about["appendonly"]]; ok {
		about["appendonly"] = on
	}
	for _, setting := range []string{"appendfsync", "save", "io-threads"} {
		values, err := c.ConfigGet(ctx, setting).Result()
		if err != nil {
			break // managed services forbid CONFIG: nothing depends on it
		}
		if value, ok := values[setting]; ok {
			about[setting] = value
		}
	}
	return about, nil
}

// readInfo reads sections of INFO: its fields by name.
func readInfo(ctx context.Context, c *redis.Client, sections ...string) (map[string]string, error) {
	text, err := c.Info(ctx, sections...).Result()
	if err != nil {
		return nil, err
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info, nil
}

// isForbidden reports whether a command is not ours to use: by ACL or renamed.
// HasErrorPrefix leaves the ERR of a message out.
func isForbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command")
}

// cpu is the CPU time of every master together, of all of its threads.
func (r *redisSide) cpu(ctx context.Context) (time.Duration, error) {
	var mu sync.Mutex
	var total time.Duration
	err := eachMaster(ctx, r.admin, func(ctx context.Context, c *redis.Client) error {
		info, err := readInfo(ctx, c, "cpu")
		if err != nil {
			return err
		}
		user, errUser := strconv.ParseFloat(info["used_cpu_user"], 64)
		sys, errSys := strconv.ParseFloat(info["used_cpu_sys"], 64)
		mu.Lock()
		defer mu.Unlock()
		total += time.Duration((user + sys) * float64(time.Second))
		return errors.Join(errUser, errSys)
	})
	if err != nil {
		return 0, fmt.Errorf("scenario: reading the CPU time of Redis: %w", err)
	}
	return total, nil
}

// showAddress is where a Redis is: no user, no parameters.
func showAddress(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
