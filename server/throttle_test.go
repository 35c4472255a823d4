package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// try sends a login from an address.
func (s *site) try(address, username, password string, changes ...change) reply {
	s.t.Helper()
	r := httptest.NewRequest("POST", "/v1/login", strings.NewReader(`{"username":`+quoted(username)+`,"password":`+quoted(password)+`}`))
	r.RemoteAddr = address
	for _, change := range changes {
		change(r)
	}
	return s.send(s.Handler(), r)
}

// throttled asserts that an attempt has to wait, and returns how long.
func (r reply) throttled() time.Duration {
	r.t.Helper()
	r.refused(http.StatusTooManyRequests, "rate_limited")
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	require.NoError(r.t, err)
	return time.Duration(seconds) * time.Second
}

// Unknown users are throttled as known ones are: the answers are the same, byte
// for byte, and neither costs a hash.
func TestLogin_ThrottledAlike(t *testing.T) {
	s := newSite(t, siteOptions{})
	answers := map[string][]string{}
	for _, name := range []string{"alice", "nobody"} {
		for i := range 12 {
			got := s.try(fmt.Sprintf("198.51.100.%d:7", i), name, "wrong")
			answers[name] = append(answers[name], strconv.Itoa(got.StatusCode)+got.Header.Get("Retry-After")+string(got.body))
		}
	}
	assert.Equal(t, answers["alice"], answers["nobody"])
	assert.Contains(t, answers["alice"][9], "401")
	assert.Contains(t, answers["alice"][10], "rate_limited")
	assert.EqualValues(t, 20, s.people.asked.Load())
}

func TestLogin_Throttle(t *testing.T) {
	s := newSite(t, siteOptions{})
	for range 10 {
		s.try("198.51.100.7:1", "alice", "wrong").refused(http.StatusUnauthorized, "invalid_credentials")
	}
	for _, name := range []string{"alice", "Alice", "ALICE"} {
		assert.Equal(t, time.Second, s.try("198.51.100.8:1", name, testPassword).throttled(), "whoever it is, and however it is spelt")
	}
	s.clock.Advance(time.Second)
	s.try("198.51.100.8:1", "alice", "wrong").refused(http.StatusUnauthorized, "invalid_credentials")
	assert.Equal(t, 2*time.Second, s.try("198.51.100.8:1", "alice", testPassword).throttled())
	s.clock.Advance(2 * time.Second)
	require.Equal(t, http.StatusCreated, s.tokensAnswered(s.try("198.51.100.8:1", "alice", testPassword)))
	for range 10 {
		s.try("198.51.100.8:1", "alice", "wrong").refused(http.StatusUnauthorized, "invalid_credentials")
	}
	got := s.operate("GET", "/metrics", "")
	assert.Contains(t, string(got.body), `rescind_logins_total{result="throttled"} 4`)
	assert.NotContains(t, s.logs.String(), "198.51.100", "no address in a log")
}

// tokensAnswered keeps the tokens of an answer out of the logs, and returns its
// status.
func (s *site) tokensAnswered(got reply) int {
	if got.StatusCode == http.StatusCreated {
		s.tokensIn(got)
	}
	return got.StatusCode
}

// Whoever fails for alice all day locks her out nowhere that she was before.
func TestLogin_NobodyIsLockedOut(t *testing.T) {
	s := newSite(t, siteOptions{})
	require.Equal(t, http.StatusCreated, s.tokensAnswered(s.try("203.0.113.5:1", "alice", testPassword)))
	for hour := range 24 {
		for i := range 20 {
			s.try(fmt.Sprintf("198.51.%d.%d:7", hour, i), "alice", "wrong")
		}
		require.Equal(t, http.StatusCreated, s.tokensAnswered(s.try("203.0.113.5:2", "alice", testPassword)))
		s.clock.Advance(time.Hour)
	}
	asked := s.people.asked.Load()
	assert.Less(t, asked, int64(1+24+10+24*14), "and the attack costs few hashes")
}

// What was no failure does not count: nobody had time, nobody could tell. Who
// hangs up has failed.
func TestLogin_WhatCounts(t *testing.T) {
	for name, row := range map[string]struct {
		err    error
		hangUp bool
		counts bool
	}{
		"wrong":             {ErrCredentials, false, true},
		"busy":              {ErrBusy, false, false},
		"busy, and gone":    {ErrBusy, true, false},
		"cannot tell":       {errors.New("a database is down"), false, false},
		"gone":              {context.Canceled, true, true},
		"wrong, and gone":   {ErrCredentials, true, true},
		"a time-out inside": {context.DeadlineExceeded, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			hook := &hookedUsers{err: row.err}
			s := newSite(t, siteOptions{server: Options{Login: hook}})
			for range 15 {
				ctx, cancel := context.WithCancel(t.Context())
				hook.during = func() {
					if row.hangUp {
						cancel()
					}
				}
				r := httptest.NewRequest("POST", "/v1/login", strings.NewReader(`{"username":"alice","password":"x"}`)).WithContext(ctx)
				s.Handler().ServeHTTP(httptest.NewRecorder(), r)
				cancel()
			}
			if row.counts {
				assert.Equal(t, 10, hook.asked)
			} else {
				assert.Equal(t, 15, hook.asked)
			}
		})
	}
}

// hookedUsers is an Authenticator that always answers the same.
type hookedUsers struct {
	err    error
	during func()
	asked  int
}

func (h *hookedUsers) Authenticate(context.Context, string, string) (Identity, error) {
	h.asked++
	h.during()
	return Identity{}, h.err
}

// 10,000 attempts: hashes, the store's memory and Redis's keys stay few.
func TestLogin_TenThousandAttempts(t *testing.T) {
	for name, row := range map[string]struct {
		attempt func(i int) (address, username string)
		hashes  int
	}{
		"one account, many addresses": {func(i int) (string, string) {
			return fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "alice"
		}, 10},
		"one address, many accounts": {func(i int) (string, string) { return "203.0.113.5:1", fmt.Sprint("user ", i) }, 100},
		"one network of IPv6":        {func(i int) (string, string) { return fmt.Sprintf("[2001:db8::%x]:1", i), fmt.Sprint("user ", i) }, 100},
		"one account, one address":   {func(int) (string, string) { return "203.0.113.5:1", "alice" }, 10},
		"one account, many spellings": {func(i int) (string, string) {
			name := []byte("administrator")
			for bit := range name {
				if i>>bit&1 == 1 {
					name[bit] -= 'a' - 'A'
				}
			}
			return fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), string(name)
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, server := newRedis(t)
			s := newSite(t, siteOptions{redis: store})
			var mu sync.Mutex
			statuses := map[int]int{}
			var crowd sync.WaitGroup
			const workers = 4
			for w := range workers {
				crowd.Go(func() {
					for i := w; i < 10_000; i += workers {
						address, username := row.attempt(i)
						r := httptest.NewRequest("POST", "/v1/login", strings.NewReader(`{"username":"`+username+`","password":"wrong"}`))
						r.RemoteAddr = address
						a := httptest.NewRecorder()
						s.Handler().ServeHTTP(a, r)
						mu.Lock()
						statuses[a.Code]++
						mu.Unlock()
					}
				})
			}
			crowd.Wait()
			// In the seconds that this takes the waits let a few more through.
			hashed := int(s.people.asked.Load())
			assert.GreaterOrEqual(t, hashed, row.hashes)
			assert.LessOrEqual(t, hashed, row.hashes+10)
			assert.Equal(t, map[int]int{401: hashed, 429: 10_000 - hashed}, statuses)
			keys, err := server.Client().Keys(t.Context(), "rescind:{0}:l:*").Result()
			require.NoError(t, err)
			assert.LessOrEqual(t, len(keys), 2*hashed, "a count or two for what was hashed, and none for what was not")
			for _, key := range keys {
				assert.Positive(t, server.Client().PTTL(t.Context(), key).Val())
			}
		})
	}
}

// Redis that cannot count lets nobody's password be hashed.
func TestR14_LoginThatCannotBeCounted(t *testing.T) {
	store, server := newRedis(t)
	s := newSite(t, siteOptions{redis: store})
	s.try("203.0.113.5:1", "alice", "wrong")
	client := server.Client()
	keys, err := client.Keys(t.Context(), "rescind:{0}:l:a:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, client.Set(t.Context(), keys[0], "foreign", 0).Err())
	asked := s.people.asked.Load()
	s.try("203.0.113.5:1", "alice", testPassword).refused(http.StatusServiceUnavailable, "denylist_unavailable")
	assert.Equal(t, asked, s.people.asked.Load())
}

// R19: what Redis has of a login shows neither the name nor the address nor, in
// clear, the label's owner.
func TestR19_LoginsInRedis(t *testing.T) {
	store, server := newRedis(t)
	s := newSite(t, siteOptions{redis: store, listed: true})
	s.try("203.0.113.5:1", "alice", "wrong")
	s.try("203.0.113.5:1", "alice", testPassword)
	s.try("203.0.113.5:1", "carol", "wrong")
	dump := redisDump(t, server.Client())
	for _, personal := range []string{"alice", "carol", "203.0.113", testPassword} {
		assert.NotContains(t, dump, personal)
	}
}

func TestLogin_ClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/8")}
	for name, row := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"a client":                        {"203.0.113.5:4711", nil, "203.0.113.5"},
		"a client that invents":           {"203.0.113.5:4711", []string{"198.51.100.1"}, "203.0.113.5"},
		"behind a proxy":                  {"10.1.1.1:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"one that invents behind a proxy": {"10.1.1.1:1", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		"behind two":                      {"10.1.1.1:1", []string{"198.51.100.1", "203.0.113.5,10.2.2.2"}, "203.0.113.5"},
		"it says that it is a proxy":      {"10.1.1.1:1", []string{"203.0.113.5, 10.9.9.9, 203.0.113.6, 10.2.2.2"}, "203.0.113.6"},
		"with ports":                      {"10.1.1.1:1", []string{"203.0.113.5:80"}, "203.0.113.5"},
		"IPv6":                            {"[2001:db8:1:2:3::4]:1", nil, "2001:db8:1:2::/64"},
		"IPv6 behind a proxy":             {"[fd00::1]:1", []string{"[2001:db8:1:2:3::4]:80"}, "2001:db8:1:2::/64"},
		"IPv6 in brackets":                {"[fd00::1]:1", []string{"[2001:db8:1:2:3::4]"}, "2001:db8:1:2::/64"},
		"IPv4 as IPv6":                    {"[::ffff:203.0.113.5]:1", nil, "203.0.113.5"},
		"a proxy as IPv6":                 {"[::ffff:10.0.0.1]:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a zone":                          {"[fe80::1%eth0]:1", nil, "fe80::/64"},
		"a proxy alone":                   {"10.1.1.1:1", nil, ""},
		"proxies alone":                   {"10.1.1.1:1", []string{"10.2.2.2"}, "10.2.2.2"},
		"a proxy that says nonsense":      {"10.1.1.1:1", []string{"203.0.113.5, unknown"}, ""},
		"a proxy that says nothing":       {"10.1.1.1:1", []string{""}, ""},
		"a trailing comma":                {"10.1.1.1:1", []string{"203.0.113.5,"}, ""},
		"loopback, trusted":               {"127.0.0.1:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"loopback, not trusted":           {"[::1]:1", []string{"203.0.113.5"}, ""},
		"a socket":                        {"@", nil, ""},
		"nothing":                         {"", nil, ""},
	} {
		assert.Equal(t, row.want, countedAddress(clientAddress(row.remote, row.forwarded, trusted)), name)
	}
}

// Whatever a proxy sends, an address is what is counted, and never one that
// stands left of what was not understood.
func FuzzClientAddress(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, seed := range []string{"203.0.113.5", "a, 203.0.113.5, 10.2.2.2", "[::1]:80", ",", "", "1.2.3.4%x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		addr := clientAddress("10.1.1.1:1", []string{forwarded}, trusted)
		_ = countedAddress(addr)
		if !addr.IsValid() {
			return
		}
		again := clientAddress("10.1.1.1:1", []string{"198.51.100.99, " + forwarded}, trusted)
		if again != addr && !trusted[0].Contains(addr) {
			t.Fatalf("%q: %v, and behind an invention %v", forwarded, addr, again)
		}
	})
}

func TestFoldName(t *testing.T) {
	for _, same := range []string{"alice@example.com", "ALICE@Example.COM", "aLICE@example.com"} {
		assert.Equal(t, foldName("alice@example.com"), foldName(same))
	}
	assert.Equal(t, foldName("k"), foldName("\u212a"), "the sign for kelvin")
	assert.NotEqual(t, foldName("alice"), foldName("alicé"))
}

// silentStore is a store that counts nothing.
type silentStore struct {
	denylist.Store
	denylist.Operator
}

func TestNew_WantsAThrottle(t *testing.T) {
	s := newSite(t, siteOptions{})
	store := silentStore{s.list, s.list}
	_, err := New(s.sessions, s.verifier, store, Options{Login: s.people})
	require.ErrorContains(t, err, "counts no failed logins")
	_, err = New(s.sessions, s.verifier, store, Options{Login: s.people, LoginFailures: -1, LoginFailuresPerAddress: -1})
	require.NoError(t, err)
	_, err = New(s.sessions, s.verifier, store, Options{})
	require.NoError(t, err, "without logins")
}
