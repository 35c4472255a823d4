package denylist

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// What OpenURL sets where the URL does not. Deadlines of single commands are
// the store's: CheckTimeout and WriteTimeout.
const (
	dialTimeout = time.Second
	pipeTimeout = 3 * time.Second // of reading and writing, where a context has no deadline
	poolTimeout = time.Minute     // of waiting for a connection: a herd queues until its own deadlines
)

// OpenURL returns a client as NewRedis wants it, from
//
//	redis://[user@]host:port/db           rediss://… with TLS
//	unix:///path/to.sock?db=0
//	redis+cluster://host:port?addr=…      rediss+cluster://…
//	redis+sentinel://host:port?master_name=…&addr=…   rediss+sentinel://…
//
// and the further parameters that go-redis knows, such as pool_size. The
// password is an argument of its own, so that a URL can be shown: a URL with a
// password in it is refused. Sentinels that want a password need a client of
// one's own making.
//
// A command is sent once: an attempt that fails is the caller's to repeat.
//
// go-redis keeps one log for the whole process, on stderr. OpenURL turns it
// off: whatever fails is in an error too.
func OpenURL(rawURL, password string) (redis.UniversalClient, error) {
	u, kind, err := parseRedisURL(rawURL)
	if err != nil {
		return nil, err
	}
	logging.Disable()
	switch kind {
	case "cluster":
		return openCluster(u, password)
	case "sentinel":
		return openSentinel(u, password)
	}
	return openSingle(u, password)
}

// parseRedisURL reads a URL and takes the kind of set-up from its scheme. No
// error says what is in the URL: a part of a password may be anywhere in one
// that is written wrongly.
func parseRedisURL(rawURL string) (u *url.URL, kind string, err error) {
	u, err = url.Parse(rawURL)
	if err != nil {
		return nil, "", badURL("it cannot be parsed")
	}
	base, kind, _ := strings.Cut(u.Scheme, "+")
	switch {
	case base == "unix" && kind == "":
	case base != "redis" && base != "rediss", kind != "" && kind != "cluster" && kind != "sentinel":
		return nil, "", badURL("want redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://")
	}
	if _, set := u.User.Password(); set {
		return nil, "", badURL("it has a password in it: give the password apart from the URL")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" || strings.Contains(u.RawQuery, "@") || u.Opaque != "" {
		return nil, "", badURL("it has stray characters: a password does not belong into it")
	}
	if query.Has("password") {
		return nil, "", badURL("it has a password in it: give the password apart from the URL")
	}
	if db := strings.Trim(u.Path, "/"); base != "unix" && db != "" {
		if _, err := strconv.ParseUint(db, 10, 16); err != nil {
			return nil, "", badURL("its path is not the number of a database")
		}
	}
	u.Scheme = base
	return u, kind, nil
}

func badURL(why string) error { return fmt.Errorf("%w: redis URL: %s", ErrInvalid, why) }

// badParameter is for errors of go-redis about a URL, which name parameters
// and show values: what is wrong is known without them.
func badParameter() error { return badURL("it has an unknown or malformed parameter") }

func openSingle(u *url.URL, password string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, badParameter()
	}
	o.Password = password
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout = orDefault(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = orDefault(o.ReadTimeout, pipeTimeout), orDefault(o.WriteTimeout, pipeTimeout)
	o.PoolTimeout = orDefault(o.PoolTimeout, poolTimeout)
	o.Protocol, o.PipelinePoolSize = lean(o.Protocol, o.PipelinePoolSize)
	o.DisableIdentity, o.MaintNotificationsConfig = true, noNotifications()
	return redis.NewClient(o), nil
}

func openCluster(u *url.URL, password string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(u.String())
	if err != nil {
		return nil, badParameter()
	}
	if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
		return nil, badURL("it reads from replicas, which may not know of a revocation")
	}
	o.TLSConfig = modernTLS(o.TLSConfig)
	o.Password = password
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout = orDefault(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = orDefault(o.ReadTimeout, pipeTimeout), orDefault(o.WriteTimeout, pipeTimeout)
	o.PoolTimeout = orDefault(o.PoolTimeout, poolTimeout)
	o.Protocol, o.PipelinePoolSize = lean(o.Protocol, o.PipelinePoolSize)
	o.DisableIdentity, o.MaintNotificationsConfig = true, noNotifications()
	return redis.NewClusterClient(o), nil
}

func openSentinel(u *url.URL, password string) (redis.UniversalClient, error) {
	// go-redis takes a user in the URL for the sentinels'; ours is Redis's.
	user := u.User.Username()
	u.User = nil
	o, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, badParameter()
	}
	if o.MasterName == "" {
		return nil, badURL("it has no master_name")
	}
	if o.ReplicaOnly || o.RouteByLatency || o.RouteRandomly || o.UseDisconnectedReplicas {
		return nil, badURL("it reads from replicas, which may not know of a revocation")
	}
	if user != "" {
		o.Username = user
	}
	o.TLSConfig = modernTLS(o.TLSConfig)
	o.Password = password
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout = orDefault(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = orDefault(o.ReadTimeout, pipeTimeout), orDefault(o.WriteTimeout, pipeTimeout)
	o.PoolTimeout = orDefault(o.PoolTimeout, poolTimeout)
	o.Protocol, o.PipelinePoolSize = lean(o.Protocol, o.PipelinePoolSize)
	o.DisableIdentity = true
	return redis.NewFailoverClient(o), nil
}

// orDefault also replaces -1, by which go-redis means no time-out at all.
func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// lean takes what a check needs: RESP2, which has no pushes to look for before
// each read, and no second pool of connections for pipelines.
func lean(protocol, pipelinePool int) (int, int) {
	if protocol == 0 {
		protocol = 2
	}
	if pipelinePool == 0 {
		pipelinePool = -1
	}
	return protocol, pipelinePool
}

// noNotifications spares each new connection a round trip.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func modernTLS(c *tls.Config) *tls.Config {
	if c != nil {
		c.MinVersion = tls.VersionTLS12
	}
	return c
}
