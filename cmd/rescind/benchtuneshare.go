package main

import (
	"time"

	"github.com/rescindhq/rescind/bench"
)

// tellingTurns is how long turns have to be together before their share counts:
// in less one slow command may be what others do in a second.
const tellingTurns = 500 * time.Millisecond

// shares keep to --max-share what comes at a rate of its own, in turns. A run
// ends where a second's worth is used up within a turn, which turns of a tenth of
// a second hardly ever do, though all together take several times as much: so
// what counts is the mean of each point's turns, after half a second of them, and
// at the end.
type shares struct {
	limit, background float64 // of one core; 0: no limit
	rate              float64 // 0: a closed loop, which is held back
	used              map[string]*shareUsed
}

// shareUsed is what the turns of a point took.
type shareUsed struct{ redis, wall time.Duration }

// add is a turn. An error is a [bench.ShareError].
func (s shares) add(slice bench.Slice) error {
	of := s.used[slice.Contender]
	if of == nil {
		of = &shareUsed{}
		s.used[slice.Contender] = of
	}
	of.redis, of.wall = of.redis+slice.CPU[bench.Redis], of.wall+slice.Wall
	if of.wall < tellingTurns {
		return nil
	}
	return s.over(slice.Contender)
}

// over is a [bench.ShareError] where a point takes too much.
func (s shares) over(name string) error {
	of := s.used[name]
	if s.limit == 0 || s.rate == 0 || of == nil {
		return nil
	}
	if took := of.redis.Seconds()/of.wall.Seconds() - s.background; took > s.limit {
		return &bench.ShareError{Contender: name, Rate: s.rate, Took: took, Limit: s.limit}
	}
	return nil
}
