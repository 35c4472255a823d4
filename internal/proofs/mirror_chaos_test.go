package proofs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
)

const (
	chaosServers = 3
	chaosClients = 16
	chaosTokens  = 24 // that live in a round; half of them are revoked
)

// victim is a token that clients ask about, and may revoke.
type victim struct {
	raw, id, session, subject string
	doomed                    bool         // somebody will revoke it
	acked                     atomic.Int64 // since the beginning; 0: no revocation was acknowledged
}

// chaos is a fleet with mirrors, each behind a link of its own to Redis, and
// clients that never stop asking.
type chaos struct {
	*fleet
	links []*redistest.Proxy
	rand  *rand.Rand // of the goroutine of the test
	mint  func(*testing.T) *victim
	began time.Time

	tokens  atomic.Pointer[[]*victim]
	stopped chan struct{}
	clients sync.WaitGroup
	asking  sync.WaitGroup
	hasty   *http.Client // gives a server up that is stopped

	accepted, denied, untold, acks atomic.Int64
	worst                          atomic.Int64 // nanoseconds
	mu                             sync.Mutex
	wrong                          []string
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	// Whatever Redis acknowledged survives its being killed: the promise is
	// about one that does not forget.
	s := &chaos{
		fleet:   foundFleet(t, redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")),
		rand:    rand.New(rand.NewPCG(seed, 0)),
		began:   time.Now(),
		stopped: make(chan struct{}),
	}
	s.mint = s.minter(t)
	s.hasty = &http.Client{Timeout: 4 * staleness, Transport: s.http.Transport}
	for range chaosServers {
		link := redistest.NewProxy(t, s.redis)
		s.links = append(s.links, link)
		s.nodes = append(s.nodes, s.start(t, "--check", "mirror", "--max-staleness", staleness.String(),
			"--check-timeout", "200ms", "--redis", link.URL()))
	}
	for _, n := range s.nodes {
		s.ready(t, n)
	}
	s.tokens.Store(new([]*victim))
	for i := range chaosClients {
		s.clients.Go(func() { s.client(rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	t.Cleanup(s.end)
	return s
}

// end ends the clients.
func (s *chaos) end() {
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	s.clients.Wait()
	s.asking.Wait()
}

// minter signs tokens as the servers do, with their keys: a login for each
// would be most of the work.
func (f *fleet) minter(t *testing.T) func(*testing.T) *victim {
	t.Helper()
	ring, err := rotation.OpenKeyRing(f.keys(), rotation.KeyRingOptions{})
	require.NoError(t, err)
	sessions, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{Issuer: issuer, Style: rotation.Single})
	require.NoError(t, err)
	return func(t *testing.T) *victim {
		subject := uuid.NewString()
		tokens, err := sessions.Login(context.Background(), rotation.Login{At: time.Now(), Subject: subject})
		require.NoError(t, err)
		return &victim{raw: tokens.Access, id: tokens.AccessID, session: tokens.Session, subject: subject}
	}
}

// client asks about tokens, one after another, until the end.
func (s *chaos) client(rand *rand.Rand) {
	for {
		select {
		case <-s.stopped:
			return
		case <-time.After(time.Duration(rand.Int64N(int64(15 * time.Millisecond)))):
		}
		tokens := *s.tokens.Load()
		if len(tokens) > 0 {
			s.check(s.nodes[rand.IntN(len(s.nodes))], tokens[rand.IntN(len(tokens))])
		}
	}
}

// check asks a server about a token, and holds the answer against what was
// acknowledged before it was asked.
func (s *chaos) check(n *node, v *victim) (status int) {
	began := time.Since(s.began)
	status = s.verdict(n, v)
	switch status {
	case http.StatusOK:
		s.accepted.Add(1)
		acked := time.Duration(v.acked.Load())
		if late := began - acked; acked != 0 && late > 0 {
			s.late(n, v, late)
		}
	case http.StatusUnauthorized:
		s.denied.Add(1)
		if !v.doomed {
			s.complain("%s denied a token that nobody revoked", n.url)
		}
	default: // 503, or a server that is stopped
		s.untold.Add(1)
	}
	return status
}

func (s *chaos) verdict(n *node, v *victim) int {
	req, err := http.NewRequest(http.MethodGet, n.url+"/v1/verify", nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+v.raw)
	res, err := s.hasty.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// late takes an acceptance by a check that began after the acknowledgement.
func (s *chaos) late(n *node, v *victim, late time.Duration) {
	for worst := s.worst.Load(); int64(late) > worst && !s.worst.CompareAndSwap(worst, int64(late)); {
		worst = s.worst.Load()
	}
	if late > staleness {
		s.complain("%s accepted a token %v after its revocation was acknowledged", n.url, late)
	}
}

func (s *chaos) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// round mints tokens, revokes half of them at random moments and places while
// the fault is on, and waits until every server says what is so.
func (s *chaos) round(t *testing.T, f fault) {
	tokens := make([]*victim, chaosTokens)
	for i := range tokens {
		tokens[i] = s.mint(t)
		tokens[i].doomed = i%2 == 0
	}
	s.tokens.Store(&tokens)
	var revoking sync.WaitGroup
	for _, v := range tokens {
		if !v.doomed {
			continue
		}
		// All that is random comes from one place, in one order.
		wait, by := time.Duration(s.rand.Int64N(int64(3*staleness))), rand.New(rand.NewPCG(s.rand.Uint64(), 0))
		revoking.Go(func() {
			time.Sleep(wait)
			s.revoke(v, by)
		})
	}
	f.do(t, s)
	revoking.Wait()
	s.asking.Wait()
	s.settle(t, tokens)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wrong := range s.wrong {
		t.Error(wrong)
	}
}

// revoke revokes a token, at one server after another until one acknowledges
// it. That one denies it at once.
func (s *chaos) revoke(v *victim, rand *rand.Rand) {
	ways := []struct{ url, token, body string }{
		{"admin/v1/revocations", adminToken, `{"scope":"token","id":"` + v.id + `"}`},
		{"admin/v1/revocations", adminToken, `{"scope":"session","id":"` + v.session + `"}`},
		{"admin/v1/revocations", adminToken, `{"scope":"subject","id":"` + v.subject + `"}`},
		{"admin/v1/revocations", adminToken, `{"token":"` + v.raw + `"}`},
		{"/v1/logout", v.raw, ""},
		{"/v1/logout-all", v.raw, ""},
	}
	way := ways[rand.IntN(len(ways))]
	for range 200 {
		n := s.nodes[rand.IntN(len(s.nodes))]
		url := n.url + way.url
		if path, admin := strings.CutPrefix(way.url, "admin"); admin {
			url = n.admin + path
		}
		if s.acknowledged(url, way.token, way.body) {
			v.acked.CompareAndSwap(0, int64(time.Since(s.began)))
			s.acks.Add(1)
			if s.verdict(n, v) == http.StatusOK {
				s.complain("%s accepted a token right after it acknowledged its revocation", n.url)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.complain("a revocation was never acknowledged")
}

func (s *chaos) acknowledged(url, token, body string) bool {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.hasty.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusCreated || res.StatusCode == http.StatusNoContent
}

// settle waits until every server denies what was revoked and accepts the rest.
func (s *chaos) settle(t *testing.T, tokens []*victim) {
	for _, n := range s.nodes {
		for i, v := range tokens {
			want := http.StatusOK
			if v.doomed {
				want = http.StatusUnauthorized
			}
			got := 0
			require.Eventually(t, func() bool {
				got = s.check(n, v)
				return got == want
			}, resumes, 10*time.Millisecond, "token %d at %s", i, n.url)
		}
	}
}

// report says what was measured, and that the mirrors took part.
func (s *chaos) report(t *testing.T) {
	var mirror, redis float64
	for _, n := range s.nodes {
		mirror += s.metric(t, n, `rescind_mirror_checks_total{by="mirror"}`)
		redis += s.metric(t, n, `rescind_mirror_checks_total{by="redis"}`)
	}
	t.Logf("%d rounds: %d checks accepted, %d denied, %d could not be told; %d revocations acknowledged",
		*chaosRounds, s.accepted.Load(), s.denied.Load(), s.untold.Load(), s.acks.Load())
	t.Logf("mirrors answered %.0f checks and asked Redis about %.0f", mirror, redis)
	t.Logf("the latest acceptance began %v after the acknowledgement; max-staleness is %v", time.Duration(s.worst.Load()), staleness)
	assert.Positive(t, mirror, "checks that mirrors answered")
	assert.Positive(t, redis, "checks that mirrors passed on")
}

// metric reads one value of a server.
func (f *fleet) metric(t *testing.T, n *node, name string) float64 {
	t.Helper()
	status, body, err := f.do(http.MethodGet, n.admin+"/metrics", "", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			number, err := strconv.ParseFloat(value, 64)
			require.NoError(t, err)
			return number
		}
	}
	require.Fail(t, "no metric", "%s at %s", name, n.url)
	return 0
}
