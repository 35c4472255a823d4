package main

import (
	"fmt"
	"net"
	"strings"
)

// settleAddresses gives the embedded server its issuer, the URL that it is
// reached at. So a port of 0 has to become a real one before anything listens.
func (c *call) settleAddresses() error {
	for _, addr := range []*string{&c.addr, &c.adminAddr} {
		host, port, err := net.SplitHostPort(*addr)
		if err != nil {
			return usageError("%q is not an address: want host:port", *addr)
		}
		if port != "0" {
			continue
		}
		l, err := net.Listen("tcp", *addr)
		if err != nil {
			return refused("%w", err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		if err := l.Close(); err != nil {
			return refused("%w", err)
		}
		*addr = net.JoinHostPort(host, port)
	}
	c.issuer = c.url(c.addr)
	return nil
}

// url is how the listener at addr is reached from this machine.
func (c *call) url(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	if c.tlsCert != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

// announce says where the server is and, of an embedded one, all that is
// needed to try it.
func (c *call) announce(h *house, addr, adminAddr string) {
	url := c.url(addr)
	fmt.Fprintf(c.stdout, "serving %s", url)
	if adminAddr != "" {
		fmt.Fprintf(c.stdout, ", admin API %s", c.url(adminAddr))
	}
	fmt.Fprintln(c.stdout)
	if h.login == nil {
		fmt.Fprintln(c.stdout, "no --users: no login route")
	}
	if h.adminToken == "" {
		fmt.Fprintln(c.stdout, "no RESCIND_ADMIN_TOKEN: no admin listener")
	}
	if h.demo == nil {
		return
	}
	fmt.Fprintf(c.stdout, `
  user         %s
  password     %s
  client id    %s
  client key   %s
  admin token  %s

This is the embedded store: it, the keys, the user, the client and the admin
token were made for this run, and all of it is forgotten when the run ends. To
keep a denylist, name a Redis: rescind serve --redis URL --keys DIR --issuer URL

`, h.demo.name, h.demo.password, h.demo.clientID, h.demo.clientKey, h.adminToken)
	for _, line := range c.trials(h, url, c.url(adminAddr)) {
		fmt.Fprintf(c.stdout, "# %s\n%s\n\n", line[0], line[1])
	}
}

// trials are lines to paste, each complete in itself.
func (c *call) trials(h *house, url, admin string) [][2]string {
	curl := "curl -sS"
	if c.tlsCert != "" {
		curl += " --cacert " + quoteShell(c.tlsCert)
	}
	login := fmt.Sprintf(`%s %s/v1/login -d '{"username":"%s","password":"%s"}'`, curl, url, h.demo.name, h.demo.password)
	access := login + ` | sed 's/.*"access_token": *"\([^"]*\)".*/\1/'`
	asAdmin := " -H 'Authorization: Bearer " + h.adminToken + "'"
	return [][2]string{
		{"log in: an access token and a refresh token", login},
		{"log in, and ask what the access token says", fmt.Sprintf(`%s %s/v1/session -H "Authorization: Bearer $(%s)"`, curl, url, access)},
		{"a token for a machine: the client's own", fmt.Sprintf("%s %s/oauth/token -u %s:%s -d grant_type=client_credentials", curl, url, h.demo.clientID, h.demo.clientKey)},
		{"end every session of the user", fmt.Sprintf(`%s %s/v1/revocations%s -d '{"scope":"subject","id":"%s","reason":"trying it"}'`, curl, admin, asAdmin, h.demo.subject)},
		{"list what is revoked", fmt.Sprintf(`%s %s/v1/revocations%s`, curl, admin, asAdmin)},
	}
}

// quoteShell makes one word of text for a POSIX shell.
func quoteShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
