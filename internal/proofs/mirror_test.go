package proofs

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// make mirror-chaos gives these; a seed repeats the faults and their times, as
// far as processes repeat anything.
var (
	chaosRounds = flag.Int("mirror-rounds", 20, "rounds of the mirror's chaos")
	chaosSeed   = flag.Uint64("mirror-seed", 0, "seed of the mirror's chaos; 0: a random one")
)

// staleness is the fleet's max-staleness here: short, so that many rounds fit.
const staleness = 250 * time.Millisecond

// A fleet of mirrors whose links, processes, Redis and log fail at random: no
// check accepts a token whose revocation was acknowledged more than
// max-staleness before it began, and one by the server that acknowledged it
// accepts it not at all (R15, R16).
func TestR15_MirrorChaos(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test -run %s ./internal/proofs -mirror-rounds %d -mirror-seed %d", t.Name(), *chaosRounds, seed)
	s := newChaos(t, seed)
	for round := range *chaosRounds {
		at := faults[s.rand.IntN(len(faults))]
		if round < len(faults) {
			at = faults[round] // each once, whatever the seed
		}
		s.round(t, at)
		if t.Failed() {
			t.Fatalf("round %d, %s: seed %d", round, at.name, seed)
		}
		if done := round + 1; done%100 == 0 {
			t.Logf("%d rounds: the latest acceptance so far began %v after the acknowledgement", done, time.Duration(s.worst.Load()))
		}
	}
	s.end()
	s.report(t)
}

// fault is what goes wrong in a round. It returns when all is well again, but
// for what has to heal by itself.
type fault struct {
	name string
	do   func(*testing.T, *chaos)
}

var faults = []fault{
	{"calm", func(_ *testing.T, s *chaos) { s.rest(2 * staleness) }},
	{"a link cut", func(_ *testing.T, s *chaos) {
		link := s.link()
		link.Refuse()
		s.rest(3 * staleness)
		link.Allow()
	}},
	{"a link that flickers", func(_ *testing.T, s *chaos) {
		link := s.link()
		for range 20 {
			link.Cut()
			s.rest(staleness / 8)
		}
	}},
	{"replies lost", func(_ *testing.T, s *chaos) {
		link := s.link()
		for _, command := range []string{"xread", "hgetall", "xrevrange"} {
			link.LoseReplies(command, 1+s.rand.IntN(4))
			s.rest(staleness)
		}
		link.LoseReplies("", 0)
	}},
	{"a server stopped", func(t *testing.T, s *chaos) { s.stopServer(t, func() {}) }},
	{"a server stopped, and the log trimmed", func(t *testing.T, s *chaos) { s.stopServer(t, func() { s.trim(t) }) }},
	{"redis stopped", func(_ *testing.T, s *chaos) {
		s.redis.Stop()
		s.rest(3 * staleness)
		s.redis.Continue()
	}},
	{"redis killed", func(_ *testing.T, s *chaos) {
		s.redis.Kill()
		s.rest(2 * staleness)
		s.redis.Restart()
	}},
	{"the log trimmed", func(t *testing.T, s *chaos) {
		for range 4 {
			s.trim(t)
			s.rest(staleness / 2)
		}
	}},
	{"the log trimmed behind a cut link", func(t *testing.T, s *chaos) {
		link := s.link()
		link.Refuse()
		s.rest(2 * staleness)
		s.trim(t)
		link.Allow()
	}},
	{"the log deleted", func(t *testing.T, s *chaos) {
		require.NoError(t, s.redis.Client().Del(context.Background(), "rescind:{0}:log").Err())
		s.rest(2 * staleness)
	}},
	{"redis killed behind a cut link, and the log trimmed", func(t *testing.T, s *chaos) {
		link := s.link()
		link.Refuse()
		s.redis.Kill()
		s.rest(staleness)
		s.redis.Restart()
		s.rest(staleness)
		s.trim(t)
		link.Allow()
	}},
}

// trim leaves nothing of the log, or a random rest.
func (s *chaos) trim(t *testing.T) {
	keep := int64(s.rand.IntN(3))
	// A Redis that was restarted may still be reading its file.
	require.Eventually(t, func() bool {
		return s.redis.Client().XTrimMaxLen(context.Background(), "rescind:{0}:log", keep).Err() == nil
	}, resumes, 10*time.Millisecond, "trimming the log")
}

// link is the way from one server to Redis.
func (s *chaos) link() *redistest.Proxy { return s.links[s.rand.IntN(len(s.links))] }

// stopServer stops a server for three times max-staleness. Before it goes on,
// it is asked about all that was revoked meanwhile: the first thing that it
// does again is to answer.
func (s *chaos) stopServer(t *testing.T, meanwhile func()) {
	n := s.nodes[s.rand.IntN(len(s.nodes))]
	require.NoError(t, n.cmd.Process.Signal(syscall.SIGSTOP))
	defer func() { assert.NoError(t, n.cmd.Process.Signal(syscall.SIGCONT)) }()
	time.Sleep(3 * staleness)
	meanwhile()
	for _, tok := range *s.tokens.Load() {
		s.asking.Go(func() { s.check(n, tok) })
	}
	time.Sleep(20 * time.Millisecond) // the questions lie in its sockets
}

// rest sleeps for a random part of d, at least a quarter.
func (s *chaos) rest(d time.Duration) { time.Sleep(d/4 + time.Duration(s.rand.Int64N(int64(3*d/4)))) }

// A revocation with a barrier is denied by every check that begins after it
// has answered, at servers whose mirrors hear of it by themselves (R16).
func TestR16_BarrierReachesEveryMirror(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, "--check", "mirror", "--max-staleness", staleness.String(), "--check-timeout", patience)
	mint := f.minter(t)
	for i := range 20 {
		tok := mint(t)
		f.accepted(t, tok.raw, "before its revocation")
		began := time.Now()
		body := `{"scope":"session","id":"` + tok.session + `","barrier":true}`
		require.Equal(t, http.StatusCreated, f.post(t, f.nodes[i%2].admin+"/v1/revocations", adminToken, body))
		assert.GreaterOrEqual(t, time.Since(began), staleness, "a barrier waits for the fleet's mirrors")
		f.denied(t, tok.raw, "after the barrier")
	}
	// Without a barrier, the server that acknowledged it denies at once.
	for i := range 20 {
		n := f.nodes[i%2]
		tok := mint(t)
		f.accepted(t, tok.raw, "before its logout")
		require.Equal(t, http.StatusNoContent, f.post(t, n.url+"/v1/logout", tok.raw, ""))
		status, code := f.verify(n, tok.raw)
		assert.Equal(t, http.StatusUnauthorized, status, "after logout, here: %s", code)
	}
}

// A server that hears of nothing does not hold a barrier up, and may not make a
// lie of it either: by its end what it knows is too old to be told (R16).
func TestR16_BarrierPassesByACutLink(t *testing.T) {
	t.Parallel()
	settings := []string{"--check", "mirror", "--max-staleness", staleness.String(), "--check-timeout", patience}
	f := foundFleet(t, redistest.Start(t))
	link := redistest.NewProxy(t, f.redis)
	near, far := f.start(t, settings...), f.start(t, append(settings, "--redis", link.URL())...)
	f.nodes = []*node{near, far}
	f.ready(t, near)
	f.ready(t, far)
	mint := f.minter(t)
	for range 5 {
		v := mint(t)
		f.accepted(t, v.raw, "before its revocation")
		link.Refuse()
		body := `{"scope":"token","id":"` + v.id + `","barrier":true}`
		require.Equal(t, http.StatusCreated, f.post(t, near.admin+"/v1/revocations", adminToken, body))
		status, code := f.verify(far, v.raw)
		assert.Equal(t, http.StatusServiceUnavailable, status, "after the barrier, behind the cut link: %s", code)
		link.Allow()
		require.Eventually(t, func() bool {
			status, _ := f.verify(far, v.raw)
			require.NotEqual(t, http.StatusOK, status, "after the barrier, when the link is back")
			return status == http.StatusUnauthorized
		}, resumes, 10*time.Millisecond)
		f.ready(t, far)
	}
}

// A Redis that comes back empty has forgotten every revocation. Servers with
// mirrors go on denying what they knew, without a moment's pause, and give it
// back: after that a server that asks Redis denies it too (R18).
func TestR18_MirrorsGiveBackWhatRedisForgot(t *testing.T) {
	t.Parallel()
	mirrored := []string{"--check", "mirror", "--max-staleness", staleness.String(), "--check-timeout", patience}
	f := foundFleet(t, redistest.Start(t)) // which keeps nothing
	for range 2 {
		f.nodes = append(f.nodes, f.start(t, mirrored...))
	}
	strict := f.start(t, "--max-staleness", staleness.String(), "--check-timeout", patience)
	for _, n := range append(f.nodes, strict) {
		f.ready(t, n)
	}
	mint := f.minter(t)
	var revoked []*victim
	for i := range 30 {
		v := mint(t)
		body := [...]string{
			`{"scope":"token","id":"` + v.id + `"}`, `{"scope":"session","id":"` + v.session + `"}`, `{"scope":"subject","id":"` + v.subject + `"}`,
		}[i%3]
		require.Equal(t, http.StatusCreated, f.post(t, f.nodes[i%2].admin+"/v1/revocations", adminToken, body))
		revoked = append(revoked, v)
	}
	good := mint(t)
	f.accepted(t, good.raw, "before Redis forgot")
	for _, n := range f.nodes { // every mirror has them all
		require.Eventually(t, func() bool { return f.metric(t, n, "rescind_mirror_entries") == 30 }, resumes, 10*time.Millisecond)
	}

	f.redis.Restart()
	given := func() bool {
		for _, v := range revoked {
			if status, _ := f.verify(strict, v.raw); status != http.StatusUnauthorized {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(resumes); !given(); {
		require.True(t, time.Now().Before(deadline), "not all was given back")
		for i, v := range revoked {
			status, _ := f.verify(f.nodes[i%2], v.raw)
			require.Contains(t, []int{http.StatusUnauthorized, http.StatusServiceUnavailable}, status, "a mirror knew entry %d", i)
		}
	}
	for _, v := range revoked {
		f.denied(t, v.raw, "after it was given back")
	}
	f.accepted(t, good.raw, "after all")
	forgotten, gave := 0.0, 0.0
	for _, n := range f.nodes {
		forgotten += f.metric(t, n, "rescind_mirror_forgotten_total")
		gave += f.metric(t, n, "rescind_mirror_given_back_total")
	}
	assert.EqualValues(t, 2, forgotten, "mirrors that noticed")
	assert.GreaterOrEqual(t, gave, 30.0, "entries that were given back")
}
