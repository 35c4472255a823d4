package denylist

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// schema is the version of the keys and values in Redis.
const schema = 1

var (
	//go:embed lua/common.lua
	commonLua string
	//go:embed lua/revoke.lua
	revokeLua string
	//go:embed lua/spend.lua
	spendLua string
	//go:embed lua/reinstate.lua
	reinstateLua string
	//go:embed lua/clock.lua
	clockLua string
	//go:embed lua/count.lua
	countLua string
	//go:embed lua/heal.lua
	healLua string
)

// The scripts. KEYS, ARGV and each reply are described at the head of each
// file; KEYS[1..3] and ARGV[1..6] of all of them in common.lua.
var (
	revokeScript    = script(revokeLua)
	spendScript     = script(spendLua)
	reinstateScript = script(reinstateLua)
	clockScript     = script(clockLua)
	countScript     = script(countLua)
	healScript      = script(healLua)
)

// script is body behind what all scripts have in common. A script with a
// shebang and no flags writes: a Redis that is full, a replica, or that cannot
// persist or replicate as it was told refuses to begin it.
func script(body string) *redis.Script {
	return redis.NewScript("#!lua\n" + commonLua + body)
}

// errReply: a script answered what it cannot have.
var errReply = errors.New("unexpected reply of a script")

// reply is what a script answered.
type reply struct {
	word   string
	at     time.Time // Redis's clock, in milliseconds
	fields []string
}

// run runs a script in a partition, on the keys and with the arguments that
// follow those that all scripts have in common.
func (r *Redis) run(ctx context.Context, s *redis.Script, p int, keys []string, args []any) (reply, error) {
	sent := r.clock.own()
	raw, err := s.Run(ctx, r.client, append(r.keys.shared(p), keys...), append(r.settings(), args...)...).Result()
	if err != nil {
		return reply{}, err
	}
	rep, micros, err := parseReply(raw)
	if err != nil {
		return reply{}, err
	}
	r.clock.measure(time.UnixMicro(micros), sent)
	switch rep.word {
	case "settings":
		return reply{}, r.otherSettings(rep.fields)
	case "foreign":
		return reply{}, fmt.Errorf("%w under the key %.120q", errForeign, rep.field(0))
	}
	return rep, nil
}

// settings are the arguments that all scripts have in common. Each write has an
// epoch of its own to offer: of two denylists that begin in the same Redis, the
// second must not look like the first, even if one process began both.
func (r *Redis) settings() []any {
	return []any{
		schema, rand.Text(), r.keys.partitions(), MaxLeeway.Milliseconds(),
		r.opts.SkewMargin.Milliseconds(), r.opts.MaxStaleness.Milliseconds(),
	}
}

func (r *Redis) otherSettings(onRecord []string) error {
	if len(onRecord) != 2 {
		return errReply
	}
	return fmt.Errorf("%w: it keeps schema %.20q with %.20q partitions, this store schema %d with %d",
		errSettings, onRecord[0], onRecord[1], schema, r.keys.partitions())
}

// parseReply checks the form that every reply has: a word, Redis's clock in
// microseconds, and strings.
func parseReply(raw any) (rep reply, micros int64, err error) {
	items, ok := raw.([]any)
	if !ok || len(items) < 2 {
		return reply{}, 0, errReply
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i], ok = item.(string); !ok {
			return reply{}, 0, errReply
		}
	}
	micros, err = strconv.ParseInt(texts[1], 10, 64)
	if err != nil || micros < 0 || micros/1000 > maxMillis {
		return reply{}, 0, errReply
	}
	return reply{word: texts[0], at: atMillis(micros / 1000), fields: texts[2:]}, micros, nil
}

// field is the i-th field, empty where there is none.
func (r reply) field(i int) string {
	if i >= len(r.fields) {
		return ""
	}
	return r.fields[i]
}

// instant is a field that must be an instant.
func (r reply) instant(i int) (time.Time, error) {
	ms, err := parseMillis(r.field(i))
	if err != nil {
		return time.Time{}, errReply
	}
	return atMillis(ms), nil
}
