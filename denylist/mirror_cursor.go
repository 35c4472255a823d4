package denylist

import (
	"cmp"
	"math"
	"strconv"

	"github.com/redis/go-redis/v9"
)

const (
	// denseIndex is how many members a second of the index has at least where it
	// is cheaper to ask for each second than for each score. A score costs Redis
	// and the reader several times what the member does.
	denseIndex = 5
	// rankSlack is how many members may go before the last one that was read,
	// between two pages, without its rank having to be searched for.
	rankSlack = 64
	// maxRank is more members than an index can have.
	maxRank = 1 << 40
)

// indexCursor pages through an index in its order, by expiry and member, while
// others write to it.
//
// No member is missed that nobody touches meanwhile: its position is the same
// throughout, and each page begins at the last position of the page before, or
// ahead of it, which it must show. Whatever is touched meanwhile (new,
// lengthened, taken away) is in the log behind the mark that was taken first,
// and whoever follows the log learns how it stands.
//
// Where members are dense, a page is some seconds of expiries, each read at once
// and without scores: to the second is as exact as a table is. Where they are
// sparse, or too many for one second, a page has scores. Among many of the same
// score, pages go by rank: an offset costs Redis each member that it leaves out.
type indexCursor struct {
	page  int   // how many members to read at once, about; two at least
	from  int64 // what expires until then was read
	width int   // how many seconds the next page is; 0: it has scores
	until int64 // the end of a second that has too much to be read at once

	last      redis.Z // read with its score; no member: none was, since from
	ties      int     // members with that score up to last, about
	low, high int64   // where ties are many: last's rank or the next is between
}

// indexSecond are members that expire up to an instant, and less than a second
// before.
type indexSecond struct {
	members []string
	expires int64
}

// query is what to ask for next: one page with scores, or each of some seconds.
func (c *indexCursor) query(key string) []redis.ZRangeArgs {
	if c.width > 0 {
		return c.seconds(key)
	}
	args := redis.ZRangeArgs{Key: key, Start: "(" + strconv.FormatInt(c.from, 10), Stop: "+inf", ByScore: true, Count: int64(c.page)}
	switch {
	case c.byRank():
		first, n := c.rank()
		args = redis.ZRangeArgs{Key: key, Start: first, Stop: first + n - 1}
	case c.last.Member != nil:
		args.Start, args.Offset = strconv.FormatFloat(c.last.Score, 'f', -1, 64), c.offset()
	}
	return []redis.ZRangeArgs{args}
}

func (c *indexCursor) seconds(key string) []redis.ZRangeArgs {
	all := make([]redis.ZRangeArgs, c.width)
	from := c.from
	for i := range all {
		end := nextSecond(from)
		all[i] = redis.ZRangeArgs{Key: key, Start: "(" + strconv.FormatInt(from, 10), Stop: end, ByScore: true, Count: int64(c.most())}
		from = end
	}
	return all
}

// nextSecond is the first whole second after an instant, in milliseconds.
func nextSecond(ms int64) int64 { return (floorSeconds(ms) + 1) * 1000 }

// most is how many members of one second are read at once: some pages of them
// together, for they come without scores.
func (c *indexCursor) most() int { return max(6*c.page/c.width, c.page/100, 2) }

func (c *indexCursor) byRank() bool    { return c.ties > c.page }
func (c *indexCursor) searching() bool { return c.byRank() && c.low < c.high }
func (c *indexCursor) offset() int64   { return int64(max(c.ties-1, 0)) }

// rank is the first rank to be read, and how many: the middle one while last's
// is searched for.
func (c *indexCursor) rank() (first, n int64) {
	if c.low < c.high {
		return (c.low + c.high) / 2, 1
	}
	return max(c.low-max(min(rankSlack, int64(c.page-1)/2), 1), 0), int64(c.page)
}

// takeSeconds returns what some seconds have.
func (c *indexCursor) takeSeconds(read [][]string) []indexSecond {
	seconds, n, most, begun := make([]indexSecond, 0, len(read)), 0, c.most(), c.from
	for _, members := range read {
		end := nextSecond(c.from)
		if len(members) == most {
			c.until, c.width = end, 0
			return seconds
		}
		seconds = append(seconds, indexSecond{members, end})
		c.from = end
		n += len(members)
	}
	c.pace(n, c.from-begun)
	return seconds
}

// pace decides how the next page is read, after n members in some milliseconds.
func (c *indexCursor) pace(n int, in int64) {
	c.width = 0
	if n > 0 && int64(n)*1000 >= denseIndex*in {
		c.width = max(int(int64(c.page)*in/int64(1000*n)), 1)
	}
}

// take returns what is new in a page with scores, and whether the index has
// ended.
func (c *indexCursor) take(read []redis.Z) (news []redis.Z, end bool) {
	if c.searching() {
		c.narrow(read)
		return nil, false
	}
	if !c.joins(read) { // too many before the last one have gone
		c.low, c.high = 0, maxRank
		if !c.byRank() {
			c.ties = 1 // all that have its score are read again
		}
		return nil, false
	}
	news = read
	for len(news) > 0 && c.last.Member != nil && compareZ(news[0], c.last) <= 0 {
		news = news[1:]
	}
	c.advance(read, news)
	return news, len(read) < c.page
}

// joins reports whether a page begins where the one before ended, or ahead.
func (c *indexCursor) joins(read []redis.Z) bool {
	first := int64(0)
	switch {
	case c.byRank():
		first, _ = c.rank()
	case c.last.Member != nil:
		first = c.offset()
	}
	return first == 0 || len(read) > 0 && compareZ(read[0], c.last) <= 0
}

// advance moves the cursor behind a page, of which some is new.
func (c *indexCursor) advance(read, news []redis.Z) {
	if len(read) == 0 {
		return
	}
	same := 0 // at the end of the page
	for same < len(read) && read[len(read)-1-same].Score == read[len(read)-1].Score {
		same++
	}
	if c.byRank() {
		first, _ := c.rank()
		c.low = first + int64(len(read))
		c.high = c.low
	} else {
		c.low, c.high = 0, maxRank
	}
	switch {
	case c.last.Member != nil && read[0].Score == c.last.Score && same == len(read):
		c.ties = int(c.offset()) + len(read)
	case len(news) > 0:
		c.ties = same
	}
	if len(news) == 0 {
		return
	}
	c.last = news[len(news)-1]
	if c.last.Score > float64(c.until) && c.last.Score <= float64(maxMillis) && len(read) == c.page {
		if c.pace(len(news), int64(c.last.Score-news[0].Score)); c.width > 0 {
			c.from, c.last, c.ties = int64(math.Ceil(c.last.Score))-1, redis.Z{}, 0
		}
	}
}

// narrow halves where last's rank may be.
func (c *indexCursor) narrow(read []redis.Z) {
	middle, _ := c.rank()
	if len(read) == 0 || compareZ(read[0], c.last) >= 0 {
		c.high = middle
	} else {
		c.low = middle + 1
	}
}

// compareZ compares positions in an index.
func compareZ(a, b redis.Z) int {
	left, _ := a.Member.(string)
	right, _ := b.Member.(string)
	return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(left, right))
}
