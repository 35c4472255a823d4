package denylist

import (
	"strconv"

	"github.com/redis/go-redis/v9"
)

// indexCursor pages through an index in its order, by expiry and member, while
// others write to it.
//
// No member is missed that nobody touches meanwhile: its position is the same
// throughout, every page begins at the last member of the page before, which
// it must show, and so the pages leave nothing out between them. Whatever is
// touched meanwhile (new, lengthened, taken away) is in the log behind the
// mark that was taken first, and whoever follows the log learns how it stands.
type indexCursor struct {
	from string // a score; where it begins, exclusive
	last redis.Z
	ties int // members with last's score that were read; 0: there is no last
}

// query is where the next page begins.
func (c *indexCursor) query(key string, count int) redis.ZRangeArgs {
	args := redis.ZRangeArgs{Key: key, Start: "(" + c.from, Stop: "+inf", ByScore: true, Count: int64(count)}
	if c.last.Member != nil {
		args.Start = strconv.FormatFloat(c.last.Score, 'f', -1, 64)
		args.Offset = int64(max(c.ties-1, 0))
	}
	return args
}

// take returns what is new in a page of at most count members, and whether the
// index has ended.
func (c *indexCursor) take(page []redis.Z, count int) (news []redis.Z, end bool) {
	end = len(page) < count
	if c.ties > 0 {
		if len(page) == 0 || page[0] != c.last {
			// Members before the last one have come or gone: all that have its
			// score are read again.
			c.ties = 0
			return nil, false
		}
		page = page[1:]
	}
	for _, z := range page {
		if c.ties == 0 || z.Score != c.last.Score {
			c.ties = 0
		}
		c.last, c.ties = z, c.ties+1
	}
	return page, end
}
