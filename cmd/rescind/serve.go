package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

const (
	// inspectEvery is how often a server looks whether its Redis is still fit.
	inspectEvery = time.Minute
	// usedEvery is how often a server writes to the clients file who was here, if
	// anybody was that it does not say so of.
	usedEvery = 5 * time.Minute
	// drainTime is how long a server that was told to end still accepts, with
	// readiness dropped: what sends it requests needs a moment to hear of that.
	drainTime = time.Second
)

func serveCommand(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		h, err := c.openHouse(ctx)
		if err != nil {
			return err
		}
		defer h.close()
		return h.serve(ctx, c)
	}
}

// house is all that a server is wired from.
type house struct {
	ring       *rotation.KeyRing
	store      rotation.Store
	mirror     *denylist.Mirror // the store, with --check mirror or confirmed; else nil
	log        *slog.Logger
	login      server.Authenticator // nil: no login route
	clients    *server.Clients      // nil: no clients
	adminToken string
	demo       *demoUser // of the embedded store
	close      func()
}

// demoUser is the user that the embedded store begins with.
type demoUser struct {
	name, password, subject string
	clientID, clientKey     string // of the demo client
}

// openHouse opens what the settings name; where they name no Redis, it makes
// everything for this run.
func (c *call) openHouse(ctx context.Context) (*house, error) {
	token, err := adminToken(c.getenv)
	if err != nil {
		return nil, err
	}
	if err := c.refuseIdle(); err != nil {
		return nil, err
	}
	if !c.set("redis") {
		return c.embeddedHouse(token)
	}
	return c.redisHouse(ctx, token)
}

// refuseIdle refuses settings that would change nothing: whoever gave one
// believes that it does.
func (c *call) refuseIdle() error {
	for _, name := range []string{"check-flights", "check-batch", "check-window"} {
		if c.set(name) && !c.set("redis") {
			return usageError("%s is set, but redis is not", c.origin[name]).
				hint("the embedded store is in this process already: no check waits for a command")
		}
	}
	if c.set("mirror-wakes") && !c.mirrored() {
		return usageError("%s is set, but check is %s", c.origin["mirror-wakes"], c.check).
			hint("only a mirror is woken: add --check mirror or confirmed, or leave it out")
	}
	return nil
}

func (c *call) redisHouse(ctx context.Context, token string) (*house, error) {
	if err := c.need("redis", "keys", "issuer"); err != nil {
		return nil, err
	}
	if c.style == "single" && c.partitions > 1 {
		return nil, usageError("single-token style needs --partitions 1")
	}
	ring, err := c.openKeys()
	if err != nil {
		return nil, err
	}
	h := &house{ring: ring, adminToken: token, log: c.logger()}
	if c.set("users") { // no users, no login route
		// One that is not there yet is more likely the wrong path: nobody could log in.
		if _, err := os.Stat(c.users); err != nil {
			return nil, usageError("%s: %w", c.origin["users"], err).hint("make it with: rescind users add NAME --users FILE")
		}
		if h.login, err = c.openUsers(); err != nil {
			return nil, err
		}
	}
	if h.clients, err = c.clientsToServe(); err != nil {
		return nil, err
	}
	list, err := c.openRedis(ctx)
	if err != nil {
		return nil, err
	}
	h.store, h.close = list.Store.(rotation.Store), list.close
	if c.mirrored() {
		if h.mirror, err = c.mirrorOf(list.Store.(*denylist.Redis), h.log); err != nil {
			list.close()
			return nil, err
		}
		h.store = h.mirror
	}
	return h, nil
}

// embeddedHouse keeps everything in this process. Nothing in it outlives the
// run, so that it cannot forget a revocation that a token outlives: the keys
// are gone as well.
func (c *call) embeddedHouse(token string) (*house, error) {
	for _, name := range []string{"keys", "issuer", "users", "clients"} {
		if c.set(name) {
			return nil, usageError("%s is set, but redis is not", c.origin[name]).
				hint("redis, keys and issuer are named together (users and clients too, for logins and OAuth), or none of them is: then everything is made for the run")
		}
	}
	if c.mirrored() {
		return nil, usageError("%s is %s, but redis is not set", c.origin["check"], c.check).
			hint("the embedded store is in this process already: there is nothing to mirror")
	}
	if err := c.settleAddresses(); err != nil {
		return nil, err
	}
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{TokenLife: c.longestLifetime()})
	if err != nil {
		return nil, cannotTell("making a key: %w", err)
	}
	if token == "" {
		token = rand.Text() + rand.Text()
	}
	users := server.NewUsers()
	demo := &demoUser{name: "demo", password: rand.Text()}
	user, err := users.Add(demo.name, demo.password, []string{"read", "write"})
	if err != nil {
		return nil, cannotTell("making the demo user: %w", err)
	}
	demo.subject = user.Subject
	clients := server.NewClients()
	client, key, err := clients.Add(demo.name, []string{"read", "write"}, false)
	if err != nil {
		return nil, cannotTell("making the demo client: %w", err)
	}
	demo.clientID, demo.clientKey = client.ID, key
	store := denylist.NewMemory(denylist.MemoryOptions{SkewMargin: c.skewMargin, Lifetime: c.longestLifetime()})
	return &house{
		ring: ring, store: store, log: c.logger(), login: users, clients: clients,
		adminToken: token, demo: demo, close: func() {},
	}, nil
}

// serve runs the server until ctx ends.
func (h *house) serve(ctx context.Context, c *call) error {
	sessions, err := c.sessionsOn(h.ring, h.store)
	if err != nil {
		return err
	}
	others, err := c.otherIssuers()
	if err != nil {
		return err
	}
	v, err := verifier.New(h.store, append(others, sessions.Issuer()), c.verifierOptions())
	if err != nil {
		return usageError("%w", err).hint(seeHelp)
	}
	opts := server.Options{
		Addr:       c.addr,
		AdminAddr:  c.adminAddr,
		Login:      h.login,
		AdminToken: h.adminToken,
		TLSCert:    c.tlsCert,
		TLSKey:     c.tlsKey,
		Tasks:      h.tasks(),
		DrainTime:  c.drainTime(),
		Logger:     h.log,
		Version:    thisBuild().Version,

		ForwardAuthIssuers: c.forwardAuthIssuers,
		ForwardAuthAPIKeys: c.apiKeys,
		CORSOrigins:        c.corsOrigins,
	}
	if err := c.limitLogins(&opts); err != nil {
		return err
	}
	if h.clients != nil {
		opts.Clients = h.clients
	}
	srv, err := server.New(sessions, v, h.store, opts)
	if err != nil {
		return usageError("%w", err)
	}
	ready := func(addr, adminAddr string) { c.announce(h, addr, adminAddr) }
	if h.mirror != nil {
		return serveMirrored(ctx, srv, h.mirror, ready)
	}
	return servingTrouble(srv.Run(ctx, ready))
}

func (c *call) verifierOptions() verifier.Options {
	return verifier.Options{Leeway: c.leeway, CacheEntries: c.cacheEntries}
}

// limitLogins puts the limits of failed logins into the options.
func (c *call) limitLogins(opts *server.Options) error {
	for _, limit := range []struct {
		name  string
		value int
		to    *int
	}{
		{"login-failures", c.loginFailures, &opts.LoginFailures},
		{"login-failures-per-address", c.loginFailuresPerAddress, &opts.LoginFailuresPerAddress},
	} {
		switch {
		case limit.value < 0:
			return usageError("%s: want a number of failures, or 0: no limit", c.origin[limit.name])
		case limit.value == 0:
			limit.value = -1 // the library's 0 is its default
		}
		*limit.to = limit.value
	}
	for _, text := range c.trustedProxies {
		network, err := netip.ParsePrefix(text)
		if addr, e := netip.ParseAddr(text); e == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || network.Addr().Is4In6() {
			return usageError("%s: %q is no network: want such as 10.0.0.0/8 or fd00::1", c.origin["trusted-proxies"], text)
		}
		opts.TrustedProxies = append(opts.TrustedProxies, network.Masked())
	}
	return nil
}

// servingTrouble tells what the machine refused from what the settings say.
func servingTrouble(err error) error {
	var network *net.OpError
	var machine syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return refused("%w", err).hint("--addr and --admin-addr choose other ports; 0 is any that is free")
	case errors.As(err, &network) && errors.As(err, &machine):
		return refused("%w", err)
	}
	return usageError("%w", err)
}

// drainTime is 0 at a terminal, where nobody balances load and somebody waits.
func (c *call) drainTime() time.Duration {
	if _, ok := terminal(c.stderr); ok {
		return 0
	}
	return drainTime
}

// tasks are what the server does beside serving: it looks whether Redis is
// still fit to keep a denylist, so that its log says when it is not (R17), and
// writes down which clients were here.
func (h *house) tasks() (tasks []server.Task) {
	if inspector, ok := h.store.(denylist.Inspector); ok {
		tasks = append(tasks, server.Task{Name: "inspect", Every: inspectEvery, Do: func(ctx context.Context) error {
			_, err := inspector.Inspect(ctx)
			return err
		}})
	}
	if h.clients != nil {
		tasks = append(tasks, server.Task{Name: "clients", Every: usedEvery, Do: h.clients.RecordUse})
	}
	return tasks
}

// logger writes to stderr: text for a person, JSON for whatever reads logs.
func (c *call) logger() *slog.Logger {
	format := c.logFormat
	if format == "" {
		format = "json"
		if _, ok := terminal(c.stderr); ok {
			format = "text"
		}
	}
	if format == "text" {
		return slog.New(slog.NewTextHandler(c.stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(c.stderr, nil))
}
