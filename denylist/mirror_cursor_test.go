package denylist

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeIndex is an index in its order.
type fakeIndex []redis.Z

func (f *fakeIndex) add(z redis.Z) {
	f.remove(z.Member)
	at, _ := slices.BinarySearchFunc(*f, z, compareZ)
	*f = slices.Insert(*f, at, z)
}

func (f *fakeIndex) remove(member any) {
	*f = slices.DeleteFunc(*f, func(z redis.Z) bool { return z.Member == member })
}

// selected are the members that a query selects, as Redis does.
func (f fakeIndex) selected(q redis.ZRangeArgs) []redis.Z {
	if !q.ByScore {
		return f[min(int(q.Start.(int64)), len(f)):min(int(q.Stop.(int64))+1, len(f))]
	}
	start, stop := q.Start.(string), int64(1<<50)
	if end, bounded := q.Stop.(int64); bounded {
		stop = end
	}
	text, exclusive := strings.CutPrefix(start, "(")
	from, _ := strconv.ParseFloat(text, 64)
	var page []redis.Z
	skip := q.Offset
	for _, z := range f {
		if z.Score < from || exclusive && z.Score == from || z.Score > float64(stop) {
			continue
		}
		if skip--; skip < 0 && int64(len(page)) < q.Count {
			page = append(page, z)
		}
	}
	return page
}

// read takes one page from the cursor, and reports whether it was the last.
func (f fakeIndex) read(c *indexCursor, found func(member string, expires int64)) (end bool) {
	queries := c.query("")
	if c.width == 0 {
		news, end := c.take(f.selected(queries[0]))
		for _, z := range news {
			found(z.Member.(string), int64(z.Score))
		}
		return end
	}
	read := make([][]string, len(queries))
	for i, q := range queries {
		for _, z := range f.selected(q) {
			read[i] = append(read[i], z.Member.(string))
		}
	}
	for _, s := range c.takeSeconds(read) {
		for _, member := range s.members {
			found(member, s.expires)
		}
	}
	return false
}

// checkIndexCursor reads a random index by a cursor, while others write to it:
// what nobody touches is read, with an expiry that is less than a second late.
func checkIndexCursor(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	var index fakeIndex
	// Of some members many share a score or a second, and others are far apart.
	apart := []int64{0, 0, 1, 7, 90, 900, 30_000}
	churn, score := r.IntN(4), int64(500)
	rarely := 1 + r.IntN(50)
	for i := range 1 + r.IntN(400) {
		if r.IntN(rarely) == 0 {
			r.Shuffle(len(apart), func(i, j int) { apart[i], apart[j] = apart[j], apart[i] })
		}
		score += apart[0]
		index.add(redis.Z{Score: float64(score), Member: strconv.Itoa(r.IntN(900)) + "/" + strconv.Itoa(i)})
	}
	from := r.Int64N(score)
	untouched := map[string]float64{}
	for _, z := range index {
		if z.Score > float64(from) {
			untouched[z.Member.(string)] = z.Score
		}
	}
	c := &indexCursor{page: 2 + r.IntN(12), from: from}
	read := map[string]int64{}
	for pages := 0; !index.read(c, func(member string, expires int64) { read[member] = max(read[member], expires) }); pages++ {
		require.Less(t, pages, 20_000, "seed %d: no end: %+v", seed, c)
		for range churn {
			if pages > 1000 || len(index) == 0 || r.IntN(3) > 0 {
				continue
			}
			z := index[r.IntN(len(index))]
			switch r.IntN(3) {
			case 0:
				index.remove(z.Member)
			case 1:
				z.Score += float64(r.Int64N(2000))
				index.add(z)
			default:
				index.add(redis.Z{Score: z.Score, Member: strconv.Itoa(r.IntN(900))})
				continue // which touches it only if it is that one
			}
			delete(untouched, z.Member.(string))
		}
	}
	for member, score := range untouched {
		late := read[member] - int64(score)
		if !assert.True(t, late >= 0 && late < 1000, "seed %d: %s of %v was read as of %d", seed, member, score, read[member]) {
			return
		}
	}
}

// TestIndexCursor reads indexes of all kinds.
func TestIndexCursor(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		if checkIndexCursor(t, seed); t.Failed() {
			return
		}
	}
}

func FuzzIndexCursor(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkIndexCursor(t, seed) })
}

// TestIndexCursor_Pages: a page is some seconds where members are dense; where
// they share a score, what lies before a page costs nothing.
func TestIndexCursor_Pages(t *testing.T) {
	t.Parallel()
	var dense, same, sparse fakeIndex
	for i := range 10_000 {
		member := strconv.Itoa(1_000_000 + i)
		dense = append(dense, redis.Z{Score: float64(1000 + 10*i), Member: member})
		same = append(same, redis.Z{Score: 5000, Member: member})
		sparse = append(sparse, redis.Z{Score: float64(1000 + 60_000*i), Member: member})
	}
	for name, c := range map[string]struct {
		index                   fakeIndex
		scored, pages, searches int
	}{
		"dense":  {dense, 2, 101, 0},
		"same":   {same, 300, 310, 50},
		"sparse": {sparse, 101, 101, 0},
	} {
		cursor := &indexCursor{page: 100}
		read, scored, pages, searches := 0, 0, 0, 0
		for end := false; !end; pages++ {
			switch {
			case cursor.searching():
				searches++
			case cursor.width == 0:
				scored++
				assert.LessOrEqual(t, cursor.query("")[0].Offset, int64(cursor.page), name)
			}
			end = c.index.read(cursor, func(string, int64) { read++ })
		}
		assert.GreaterOrEqual(t, read, len(c.index), name)
		assert.LessOrEqual(t, read, len(c.index)+len(c.index)/10, name)
		assert.LessOrEqual(t, scored, c.scored+2, name)
		assert.LessOrEqual(t, pages, c.pages+searches+2, name)
		assert.LessOrEqual(t, searches, c.searches, name)
	}
}
