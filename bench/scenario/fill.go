package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/denylist"
)

const (
	// fillTries is how often a batch is written, where Redis did not answer in
	// time: a machine may stand still for a while. The second time changes nothing.
	fillTries = 4
	// restrainedBatch is how many entries the script writes at once where it has
	// to leave room for others: some 4 ms of Redis.
	restrainedBatch = 100
	// digestBytes of a digest are in a key (docs/redis-schema.md).
	digestBytes = 16
)

// filling writes revoked tokens as plain commands, which takes a tenth of the
// revoke script's time: a million entries should not be what a run waits for.
// What it leaves is what the script leaves (docs/redis-schema.md), but that the
// log does not have it. So it is done before anybody mirrors the denylist, and
// only under a run's own prefix.
type filling struct {
	client    redis.UniversalClient
	heads     []string // what the keys of each partition begin with
	issuer    [sha256.Size]byte
	revokedAt string
	grace     time.Duration // from the end of a token to the expiry of its entry

	mu    sync.Mutex
	added []int64 // to each partition
}

// fill writes the entries of the denylist, all about tokens of one issuer. The
// store itself writes the first batch: that makes what every partition has on
// record, and shows what it adds to an entry.
func (r *redisSide) fill(ctx context.Context, batches iter.Seq[[]denylist.Entry], progress func(written int)) error {
	next, stop := iter.Pull(batches)
	defer stop()
	first, ok := next()
	if !ok {
		return nil
	}
	receipt, err := r.begin(ctx, first)
	if err != nil {
		return err
	}
	progress(len(first))
	f := r.newFilling(first[0], receipt.Results[0].Entry)
	rest := func(yield func([]denylist.Entry) bool) {
		for batch, ok := next(); ok && yield(batch); batch, ok = next() {
		}
	}
	write := func(ctx context.Context, batch []denylist.Entry) error {
		return r.piece(ctx, func() error { return f.write(ctx, batch) })
	}
	if err := pour(ctx, rest, write, func(written int) { progress(len(first) + written) }); err != nil {
		return err
	}
	return f.count(ctx)
}

// begin writes the first batch, and returns what became of the first entries.
func (r *redisSide) begin(ctx context.Context, batch []denylist.Entry) (first denylist.Receipt, err error) {
	size := len(batch)
	if r.keeper != nil {
		size = min(size, restrainedBatch)
	}
	for part := range slices.Chunk(batch, size) {
		err := r.piece(ctx, func() error {
			receipt, err := r.filler.Revoke(ctx, part...)
			if first.Results == nil {
				first = receipt
			}
			return err
		})
		if err != nil {
			return denylist.Receipt{}, err
		}
	}
	return first, nil
}

// newFilling goes on as the store began: it was told one, and wrote the other.
func (r *redisSide) newFilling(told, wrote denylist.Entry) *filling {
	f := &filling{
		client: r.admin, issuer: sha256.Sum256([]byte(told.Issuer)),
		revokedAt: millis(wrote.Revoked.At), grace: wrote.ExpiresAt.Sub(told.Until),
		added: make([]int64, r.filler.Partitions()),
	}
	f.heads = heads(r.prefix, len(f.added))
	return f
}

// heads are what the keys of each partition begin with.
func heads(prefix string, partitions int) []string {
	all := make([]string, partitions)
	for p := range all {
		all[p] = prefix + ":{" + strconv.Itoa(p) + "}:"
	}
	return all
}

// write writes a batch. Redis may have a part of it already.
func (f *filling) write(ctx context.Context, batch []denylist.Entry) error {
	members := make([][]redis.Z, len(f.heads))
	err := sent(ctx, f.client, func(pipe redis.Pipeliner) {
		clear(members)
		for _, e := range batch {
			p, member := f.place(e.ID)
			expires := e.Until.Add(f.grace)
			pipe.Do(ctx, "set", f.heads[p]+member, f.value(e, expires), "pxat", expires.UnixMilli())
			members[p] = append(members[p], redis.Z{Score: float64(expires.UnixMilli()), Member: member})
		}
		for p, m := range members {
			if len(m) > 0 {
				pipe.ZAdd(ctx, f.heads[p]+"index", m...)
			}
		}
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range members {
		f.added[p] += int64(len(members[p]))
	}
	return nil
}

// place is a token's partition, and its name there.
func (f *filling) place(jti string) (partition int, member string) {
	room := make([]byte, 0, sha256.Size+idLen)
	digest := sha256.Sum256(append(append(room, f.issuer[:]...), jti...))
	if len(f.heads) > 1 {
		partition = int(digest[0] >> 4)
	}
	return partition, "t:" + base64.RawURLEncoding.EncodeToString(digest[:digestBytes])
}

// value is that of an entry. Neither our issuer nor a UUID has to be encoded.
func (f *filling) value(e denylist.Entry, expires time.Time) string {
	return "1 " + millis(expires) + " " + f.revokedAt + " - - - " + e.Issuer + " " + e.ID + " -"
}

// count has the settings on record count what was added.
func (f *filling) count(ctx context.Context) error {
	_, err := f.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for p, n := range f.added {
			if n > 0 {
				pipe.HIncrBy(ctx, f.heads[p]+"meta", "t", n)
			}
		}
		return nil
	})
	return unavailable(err)
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// pour writes batches, one of which this process prepares while Redis is busy
// with the other.
func pour(ctx context.Context, batches iter.Seq[[]denylist.Entry], write func(context.Context, []denylist.Entry) error, progress func(written int)) error {
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(2)
	written := 0
	for batch := range batches {
		writers.Go(func() error { return write(writing, batch) })
		if writing.Err() != nil {
			break
		}
		written += len(batch)
		progress(written)
	}
	return errors.Join(writers.Wait(), ctx.Err())
}

// sent sends commands that may be sent twice.
func sent(ctx context.Context, client redis.UniversalClient, commands func(pipe redis.Pipeliner)) error {
	var err error
	for range fillTries {
		_, err = client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			commands(pipe)
			return nil
		})
		var late net.Error
		if ctx.Err() != nil || !errors.As(err, &late) || !late.Timeout() {
			break
		}
	}
	return unavailable(err)
}

func unavailable(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
	}
	return nil
}
