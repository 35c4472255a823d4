package denylist

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisOptions are the settings of a [Redis]. The zero value is safe.
type RedisOptions struct {
	Prefix       string        // of every key; default "rescind"; no braces
	Partitions   int           // 1 (default) or 16: docs/redis-schema.md
	SkewMargin   time.Duration // how far clocks may be apart; default 60 s
	MaxStaleness time.Duration // of the fleet's mirrors; default 1 s
	Lifetime     time.Duration // of tokens whose exp is not known; default 90 days
	CheckTimeout time.Duration // of one check; default 50 ms
	WriteTimeout time.Duration // of one write; default 1 s

	// InsecureSkipInspection lets Inspect pass where the server forbids INFO:
	// whoever sets it vouches for the rest of R17.
	InsecureSkipInspection bool

	Now func() time.Time // default time.Now
}

// Redis is a store for a fleet.
type Redis struct{}

// NewRedis returns a store on client, which must have been made with
// ContextTimeoutEnabled and must not read from replicas: see [OpenURL]. It
// does no I/O: call Inspect before the first check.
func NewRedis(client redis.UniversalClient, opts RedisOptions) (*Redis, error) { panic("skeleton") }

// OpenURL returns a client as NewRedis wants it, from
//
//	redis://[user@]host:port/db           rediss://… with TLS
//	unix:///path/to.sock?db=0
//	redis+cluster://host:port?addr=…      rediss+cluster://…
//	redis+sentinel://host:port?master_name=…&addr=…   rediss+sentinel://…
//
// The password is an argument of its own, so that a URL can be shown.
func OpenURL(rawURL, password string) (redis.UniversalClient, error) { panic("skeleton") }
