package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/cmd/internal/trust"
)

// settings are what flags, variables and the file of settings may say. Each is
// read from the flag --replay-window, else the variable RESCIND_REPLAY_WINDOW,
// else the key replay_window of the --config file, else the default.
type settings struct {
	redis, prefix  string
	partitions     int
	skipInspection bool
	server         string

	addr, adminAddr string
	issuer          string
	audience        []string
	keys, users     string
	clients         string
	apiKeys         bool // at /v1/verify
	corsOrigins     []string
	tlsCert, tlsKey string

	loginFailures, loginFailuresPerAddress int
	trustedProxies                         []string
	inventory                              bool

	issuerTables       []trust.Table // other issuers: only of the file
	forwardAuthIssuers []string
	logFormat          string

	style              string
	accessTTL          time.Duration
	refreshTTL         time.Duration
	sessionTTL         time.Duration
	replayWindow       time.Duration
	verifyOverlap      time.Duration
	rotateEvery        time.Duration
	rotateDeniesAccess bool

	check              string
	maxStaleness       time.Duration
	checkTimeout       time.Duration
	checkFlights       int
	checkBatch         int
	checkWindow        time.Duration
	mirrorWakes        int
	cacheEntries       int
	leeway             time.Duration
	skewMargin         time.Duration
	maxAccessLifetime  time.Duration
	maxRefreshLifetime time.Duration

	// origin is where a setting's value was read; a default has none.
	origin map[string]string
}

// The groups of settings that commands take.
const (
	redisSettings    = "redis prefix partitions skew-margin max-staleness check-timeout max-access-lifetime max-refresh-lifetime insecure-skip-inspection"
	operatorSettings = redisSettings + " server"
	verifySettings   = "keys issuer audience leeway check"
	sessionSettings  = "style access-ttl refresh-ttl session-ttl replay-window verify-overlap rotate-every rotate-denies-access session-inventory"
	issueSettings    = redisSettings + " " + verifySettings + " " + sessionSettings
	serveSettings    = issueSettings + " forward-auth-issuers addr admin-addr users clients forward-auth-api-keys cors-origins tls-cert tls-key log-format " +
		"login-failures login-failures-per-address trusted-proxies " + speedSettings
	speedSettings = "check-flights check-batch check-window mirror-wakes cache-entries"
	ringSettings  = "keys max-access-lifetime max-refresh-lifetime"
)

// flags declares every setting with its default, as flags that write into s.
func (s *settings) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	s.origin = map[string]string{}

	fs.StringVar(&s.redis, "redis", "", "")
	fs.StringVar(&s.prefix, "prefix", "rescind", "")
	fs.IntVar(&s.partitions, "partitions", 1, "")
	fs.BoolVar(&s.skipInspection, "insecure-skip-inspection", false, "")
	fs.StringVar(&s.server, "server", "", "")

	fs.StringVar(&s.addr, "addr", "127.0.0.1:8080", "")
	fs.StringVar(&s.adminAddr, "admin-addr", "127.0.0.1:8081", "")
	fs.StringVar(&s.issuer, "issuer", "", "")
	fs.StringSliceVar(&s.audience, "audience", []string{"rescind"}, "")
	fs.StringVar(&s.keys, "keys", "", "")
	fs.StringVar(&s.users, "users", "", "")
	fs.StringVar(&s.clients, "clients", "", "")
	fs.BoolVar(&s.apiKeys, "forward-auth-api-keys", false, "")
	fs.StringSliceVar(&s.corsOrigins, "cors-origins", nil, "")
	fs.StringSliceVar(&s.forwardAuthIssuers, "forward-auth-issuers", nil, "")
	fs.StringVar(&s.tlsCert, "tls-cert", "", "")
	fs.StringVar(&s.tlsKey, "tls-key", "", "")
	choice(fs, &s.logFormat, "log-format", "", "text", "json")

	fs.IntVar(&s.loginFailures, "login-failures", 10, "")
	fs.IntVar(&s.loginFailuresPerAddress, "login-failures-per-address", 100, "")
	fs.StringSliceVar(&s.trustedProxies, "trusted-proxies", nil, "")
	fs.BoolVar(&s.inventory, "session-inventory", false, "")

	choice(fs, &s.style, "style", "pair", "pair", "single")
	span(fs, &s.accessTTL, "access-ttl", 15*time.Minute)
	span(fs, &s.refreshTTL, "refresh-ttl", 24*time.Hour)
	span(fs, &s.sessionTTL, "session-ttl", 30*day)
	spanOrZero(fs, &s.replayWindow, "replay-window", 10*time.Second)
	spanOrZero(fs, &s.verifyOverlap, "verify-overlap", 10*time.Second)
	spanOrZero(fs, &s.rotateEvery, "rotate-every", 5*time.Second)
	fs.BoolVar(&s.rotateDeniesAccess, "rotate-denies-access", true, "")

	choice(fs, &s.check, "check", "strict", "strict", "mirror", "confirmed")
	span(fs, &s.maxStaleness, "max-staleness", time.Second)
	span(fs, &s.checkTimeout, "check-timeout", 50*time.Millisecond)
	positive(fs, &s.checkFlights, "check-flights", 4)
	positive(fs, &s.checkBatch, "check-batch", 1024)
	span(fs, &s.checkWindow, "check-window", 2*time.Millisecond)
	fs.IntVar(&s.mirrorWakes, "mirror-wakes", 0, "")
	positive(fs, &s.cacheEntries, "cache-entries", 32768)
	spanOrZero(fs, &s.leeway, "leeway", 30*time.Second)
	span(fs, &s.skewMargin, "skew-margin", 60*time.Second)
	span(fs, &s.maxAccessLifetime, "max-access-lifetime", 24*time.Hour)
	span(fs, &s.maxRefreshLifetime, "max-refresh-lifetime", 90*day)
	return fs
}

// longestLifetime is the longest that a token of the issuer may live: so long a
// key verifies, and so long an entry stands whose tokens' end is not known.
func (s *settings) longestLifetime() time.Duration {
	return max(s.maxAccessLifetime, s.maxRefreshLifetime)
}

// mirrored reports whether the server keeps a copy of the denylist.
func (s *settings) mirrored() bool { return s.check != "strict" }

// set reports whether a setting was given, rather than left at its default.
func (s *settings) set(name string) bool { return s.origin[name] != "" }

func span(fs *pflag.FlagSet, to *time.Duration, name string, preset time.Duration) {
	*to = preset
	fs.Var(durationValue{To: to, Positive: true}, name, "")
}

// spanOrZero is for settings that 0 turns off.
func spanOrZero(fs *pflag.FlagSet, to *time.Duration, name string, preset time.Duration) {
	*to = preset
	fs.Var(durationValue{To: to}, name, "")
}

func choice(fs *pflag.FlagSet, to *string, name, preset string, options ...string) {
	*to = preset
	fs.Var(choiceValue{to, options}, name, "")
}

// choiceValue is one of a few words as a setting (pflag.Value).
type choiceValue struct {
	to      *string
	options []string
}

func (v choiceValue) Type() string   { return "word" }
func (v choiceValue) String() string { return *v.to }

func (v choiceValue) Set(text string) error {
	if !slices.Contains(v.options, text) {
		return fmt.Errorf("want %s", strings.Join(v.options, " or "))
	}
	*v.to = text
	return nil
}
