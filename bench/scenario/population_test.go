package scenario

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// workload is all that a seed decides.
type workload struct {
	ids, sessions, subjects []string
	algorithms              []verifier.Algorithm
	kids                    []string
	revoked                 []uint32
	order                   []uint32
	entries, fresh          []string
}

func workloadOf(t *testing.T, seed uint64) workload {
	t.Helper()
	k := small(nil, "")
	k.Seed, k.Zipf = seed, 1.2
	require.NoError(t, k.complete())
	p, err := newPopulation(k, time.Now())
	require.NoError(t, err)
	w := workload{revoked: p.revoked, order: p.order(1, 2, p.everyone()), fresh: newIDs(stream(seed, "revoke", 1), 3)}
	for _, token := range p.tokens {
		w.ids = append(w.ids, token.known.ID)
		w.sessions = append(w.sessions, token.known.Session)
		w.subjects = append(w.subjects, token.known.Subject)
		w.algorithms = append(w.algorithms, token.key.alg)
		w.kids = append(w.kids, token.key.public.ID())
	}
	for batch := range p.entries(k.Entries) {
		for _, e := range batch {
			w.entries = append(w.entries, e.ID)
		}
	}
	return w
}

func TestSeedDecidesEverything(t *testing.T) {
	t.Parallel()
	one, again, other := workloadOf(t, 7), workloadOf(t, 7), workloadOf(t, 8)
	assert.Equal(t, one, again)
	assert.NotEqual(t, one.ids, other.ids)
	assert.NotEqual(t, one.sessions, other.sessions)
	assert.NotEqual(t, one.subjects, other.subjects)
	assert.NotEqual(t, one.algorithms, other.algorithms)
	assert.NotEqual(t, one.kids, other.kids)
	assert.NotEqual(t, one.revoked, other.revoked)
	assert.NotEqual(t, one.order, other.order)
	assert.NotEqual(t, one.entries[len(one.revoked):], other.entries[len(other.revoked):])
	assert.NotEqual(t, one.fresh, other.fresh)
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	w := workloadOf(t, 1)
	seen := map[string]bool{}
	for _, ids := range [][]string{w.ids, w.sessions, w.subjects, w.entries[len(w.revoked):], w.fresh} {
		for _, id := range ids {
			assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
			assert.False(t, seen[id], id)
			seen[id] = true
		}
	}
}

func TestRevokedShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		share  float64
		tokens int
		want   int
	}{{0, 100, 0}, {0.29, 100, 29}, {0.01, 50, 1}, {0.5, 3, 2}, {1, 100, 100}} {
		k := Knobs{Revoked: c.share, Tokens: c.tokens}
		require.NoError(t, k.complete())
		p, err := newPopulation(k, time.Now())
		require.NoError(t, err)
		assert.Len(t, p.revoked, c.want, "%v of %d", c.share, c.tokens)
		assert.Len(t, p.living, c.tokens-c.want)
	}
}

// Picks of a Zipf distribution follow its law; uniform ones do not.
func TestPopularity(t *testing.T) {
	t.Parallel()
	share := func(zipf float64) float64 {
		k := Knobs{Zipf: zipf, Tokens: 1000}
		require.NoError(t, k.complete())
		p, err := newPopulation(k, time.Now())
		require.NoError(t, err)
		order, first := p.order(0, 1, p.everyone()), 0
		for _, pick := range order {
			if pick == 0 {
				first++
			}
		}
		return float64(first) / float64(len(order))
	}
	sum := 0.0
	for rank := 1.0; rank <= 1000; rank++ {
		sum += math.Pow(rank, -1.5)
	}
	assert.InDelta(t, 1/sum, share(1.5), 0.02)
	assert.InDelta(t, 0.001, share(0), 0.001)
}

func TestMixFollowsItsWeights(t *testing.T) {
	t.Parallel()
	k := Knobs{Tokens: 20_000, Algorithms: map[verifier.Algorithm]int{verifier.HS256: 3, verifier.EdDSA: 1, verifier.RS256: 0}}
	require.NoError(t, k.complete())
	p, err := newPopulation(k, time.Now())
	require.NoError(t, err)
	counts := map[verifier.Algorithm]int{}
	for _, token := range p.tokens {
		counts[token.key.alg]++
	}
	assert.Len(t, counts, 2)
	assert.InDelta(t, 15_000, counts[verifier.HS256], 500)
}

// The tokens are like the server's access tokens, and a verifier reads of them
// what the population says.
func TestTokensAreReal(t *testing.T) {
	t.Parallel()
	s := openStand(t, []string{"signature"}, small(nil, ""))
	v, err := s.population.verifier(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	for _, token := range s.population.tokens {
		claims, err := v.Verify(t.Context(), token.raw)
		require.NoError(t, err)
		got, want := claims.Token(), token.known
		assert.True(t, got.Login.Equal(want.Login) && got.ExpiresAt.Equal(want.ExpiresAt))
		got.Login, got.ExpiresAt = want.Login, want.ExpiresAt
		assert.Equal(t, want.String(), got.String())
		assert.Equal(t, "at+jwt", claims.Type())
		assert.Equal(t, token.key.public.ID(), claims.KeyID())
		assert.True(t, claims.HasScope("read") && claims.HasScope("write"))
		assert.Equal(t, want.Login.Add(sessionLife).Unix(), claims.SessionExpiresAt().Unix())
	}
}

// Two tokens of one second are no worse than others: a worker's order repeats,
// and each worker has another one.
func TestWorkersHaveOrdersOfTheirOwn(t *testing.T) {
	t.Parallel()
	k := small(nil, "")
	require.NoError(t, k.complete())
	p, err := newPopulation(k, time.Now())
	require.NoError(t, err)
	assert.NotEqual(t, p.order(0, 2, p.everyone()), p.order(1, 2, p.everyone()))
	assert.Equal(t, minPicks, len(p.order(0, 4096, p.everyone())), "of more workers than were announced, too, all orders together stay small")
	for _, pick := range p.order(0, 1, p.revoked) {
		assert.True(t, p.tokens[pick].revoked)
	}
	at := cursor{order: []uint32{4, 2}}
	assert.Equal(t, []uint32{4, 2, 4}, []uint32{at.next(), at.next(), at.next()})
}
