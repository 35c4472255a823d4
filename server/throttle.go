package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// How many logins may fail, if the options do not say.
const (
	defaultLoginFailures           = 10
	defaultLoginFailuresPerAddress = 100
)

// throttleOn returns what counts failed logins; nil where nobody is to.
func (o Options) throttleOn(store denylist.Store) (denylist.Throttle, error) {
	if o.Login == nil || o.LoginFailures < 0 && o.LoginFailuresPerAddress < 0 {
		return nil, nil
	}
	if o.LoginFailures > denylist.MaxLimit || o.LoginFailuresPerAddress > denylist.MaxLimit {
		return nil, fmt.Errorf("server: failed logins: want a limit of at most %d", denylist.MaxLimit)
	}
	throttle, ok := store.(denylist.Throttle)
	if !ok {
		return nil, errors.New("server: a login route, but the store counts no failed logins: want a denylist.Throttle, or no limits")
	}
	return throttle, nil
}

// trial is an attempt to log in as the throttle counts it. The name counts as
// it was given, whether or not it is anybody's, so that nobody learns from a
// limit who exists, or which name and which address are one user's.
func (s *Server) trial(r *http.Request, username string) denylist.Trial {
	return denylist.Trial{
		Issuer:  s.issuer,
		Account: foldName(username),
		Address: countedAddress(clientAddress(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.opts.TrustedProxies)),
		Limits:  denylist.Limits{Account: max(0, s.opts.LoginFailures), Address: max(0, s.opts.LoginFailuresPerAddress)},
	}
}

// throttledRefusal answers an attempt that has to wait.
func throttledRefusal(err *denylist.ThrottledError) verifier.Refusal {
	return verifier.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited",
		RetryAfter:  int((err.Wait + time.Second - 1) / time.Second),
		Description: "Too many logins have failed. Try again later.",
	}
}

// foldName is what all spellings of a name have in common that differ in case
// only, as strings.EqualFold compares: each of them would be one attempt more.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name)
}

// clientAddress is where a request came from: the connection's address, or,
// while that is a trusted proxy's, the last address of X-Forwarded-For that the
// proxies vouch for: what stands left of it may be the client's invention. It
// is not valid where it is not known: behind a proxy that says nothing, or
// nothing legible, and of connections from this machine, which are those of a
// proxy that nobody has named. To count them as one client would let each
// client lock all out.
func clientAddress(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	addr := parseHop(remote)
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if !isTrusted(addr) {
		if addr.IsLoopback() {
			return netip.Addr{}
		}
		return addr
	}
	for i := len(forwarded) - 1; i >= 0; i-- {
		for line, more := forwarded[i], true; more; {
			var hop string
			line, hop, more = cutLast(line)
			if addr = parseHop(hop); !addr.IsValid() || !isTrusted(addr) {
				return addr
			}
		}
	}
	if len(forwarded) == 0 {
		return netip.Addr{}
	}
	return addr // all are proxies of ours: the first of them asks for itself
}

// cutLast cuts the last element off a list.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseHop reads an address, with or without a port. What is none is not valid.
func parseHop(text string) netip.Addr {
	text = strings.TrimSpace(text)
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		addr = with.Addr()
	}
	return addr.Unmap().WithZone("")
}

// countedAddress is the name under which an address is counted: of IPv6 the
// first 64 bits, since whoever has one such address has all of them.
func countedAddress(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return ""
	case addr.Is4():
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
