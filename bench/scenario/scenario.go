// Package scenario has what rescind measures: each scenario is one file, and
// stands for something that happens in production.
package scenario

import (
	"context"
	"errors"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/verifier"
)

// Info describes a scenario.
type Info struct {
	Name  string
	Means string   // one sentence: what it stands for
	Needs []string // "redis", "url"
}

// List describes every scenario, in the order of the documentation.
func List() []Info { return nil }

// Knobs are the workload. The zero value of each is its default.
type Knobs struct {
	Seed       uint64
	Algorithms map[verifier.Algorithm]int // weights; default ES256 alone
	Tokens     int                        // in the population; default 10,000
	Zipf       float64                    // popularity: 0 is uniform, else the exponent, over 1
	Revoked    float64                    // the share of the population that is revoked; default 0.01
	Entries    int                        // other entries in the denylist; default 10,000
	Lifetime   time.Duration              // of the tokens; default 1 h
	Delay      time.Duration              // added to each reply of Redis

	Redis      RedisKnobs
	URLs       []string // of http-verify; each is a contender of its own
	RawTokens  []string // of http-verify, instead of tokens of our own making
	KeysDir    string   // of http-verify: the server's key ring, to sign with
	Issuer     string   // of http-verify's tokens
	Audience   []string
	ServerCPU  string // of http-verify: the URL of Prometheus metrics, or a process id
	Concurrent int    // the most workers that will be asked for
}

// RedisKnobs name the Redis to measure.
type RedisKnobs struct {
	URL, Password          string // as denylist.OpenURL takes them; empty: none
	Prefix                 string // default "rescind-bench"; the run's own name is added
	Partitions             int
	SkewMargin             time.Duration
	CheckTimeout           time.Duration // default 5 s
	InsecureSkipInspection bool
}

// Errors of set-up, beside those of the denylist.
var (
	ErrUnknown = errors.New("scenario: unknown")      // no such scenario
	ErrMissing = errors.New("scenario: needs more")   // a Redis, a URL or tokens
	ErrKnob    = errors.New("scenario: knob refused") // a value that makes no sense
)

// Stand is a set of scenarios that are ready to run: tokens minted, the
// denylist filled.
type Stand struct{}

// Open sets the named scenarios up. Progress, which may be nil, is told what is
// being done and how much of it is done, from 0 to 1. Whatever happens, all that
// was written to Redis is removed again, at the latest by Close.
func Open(ctx context.Context, names []string, knobs Knobs, progress func(what string, share float64)) (*Stand, error) {
	return nil, errors.New("scenario: not written yet")
}

// Contenders are the scenarios, in the order in which they were named.
func (s *Stand) Contenders() []bench.Contender { return nil }

// Descriptions says in words what the contenders are.
func (s *Stand) Descriptions() []bench.Description { return nil }

// Redis describes the server: version, address and the settings that matter,
// nothing secret. Nil where none is used.
func (s *Stand) Redis() map[string]string { return nil }

// Stages measures where a verification's time goes, for each algorithm of the
// mix; it takes about half a second for each.
func (s *Stand) Stages(ctx context.Context) ([]bench.Stages, error) { return nil, nil }

// Close removes every key under the run's prefix, and closes connections. It
// gives itself its own time: the context of the run may have ended.
func (s *Stand) Close() error { return nil }
