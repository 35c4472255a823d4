package denylist

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// meta is what a partition has on record about itself. The zero meta: nothing
// has been written yet.
type meta struct {
	schema       uint64
	epoch        string
	seq, spends  uint64
	partitions   int
	maxLeeway    time.Duration
	skewMargin   time.Duration
	maxStaleness time.Duration
}

// meta reads a partition's. Where there is none it is the zero meta.
func (r *Redis) meta(ctx context.Context, c redis.Cmdable, p int) (meta, error) {
	fields, err := c.HGetAll(ctx, r.keys.meta(p)).Result()
	if err != nil {
		return meta{}, err
	}
	return parseMeta(fields)
}

func parseMeta(fields map[string]string) (meta, error) {
	if fields["schema"] == "" {
		return meta{}, nil
	}
	m := meta{epoch: fields["epoch"]}
	var n [7]uint64
	for i, name := range []string{"schema", "seq", "spends", "partitions", "max_leeway", "skew_margin", "max_staleness"} {
		var err error
		if n[i], err = strconv.ParseUint(fields[name], 10, 53); err != nil {
			return meta{}, fmt.Errorf("%w: meta has no number in %s", errForeign, name)
		}
	}
	m.schema, m.seq, m.spends, m.partitions = n[0], n[1], n[2], int(n[3])
	for i, into := range []*time.Duration{&m.maxLeeway, &m.skewMargin, &m.maxStaleness} {
		if n[4+i] > uint64(maxMillis/1000) {
			return meta{}, fmt.Errorf("%w: meta has an absurd duration", errForeign)
		}
		*into = time.Duration(n[4+i]) * time.Millisecond
	}
	return m, nil
}

// unlike says how the settings on record differ from this store's; empty: they
// do not.
func (r *Redis) unlike(m meta) []string {
	if m.schema == 0 {
		return nil
	}
	var unlike []string
	differ := func(setting string, onRecord, ours any) {
		if onRecord != ours {
			unlike = append(unlike, fmt.Sprintf("%s is %v on record and %v here: give the whole fleet one value", setting, onRecord, ours))
		}
	}
	differ("schema", m.schema, uint64(schema))
	differ("partitions", m.partitions, r.keys.partitions())
	differ("max_leeway", m.maxLeeway, MaxLeeway)
	differ("skew_margin", m.skewMargin, r.opts.SkewMargin.Truncate(time.Millisecond))
	differ("max_staleness", m.maxStaleness, r.opts.MaxStaleness.Truncate(time.Millisecond))
	return unlike
}
