package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/quota"
)

const (
	// slowStart is how long a mirror takes to load at least before it is a reason to
	// look how much those that are there take, and slowStarts how many times as long
	// as the first did.
	slowStart  = time.Second
	slowStarts = 10
	// takenUp is which share of what Redis may give leaves too little for more.
	takenUp = 0.8
)

// growWithin starts mirrors until there are so many, one after the other, as fast
// as the share lets them load: what those that are there take leaves less and less
// of it. It ends with a [bench.ShareError] when that is next to nothing.
func (f *fleet) growWithin(ctx context.Context, mirrors int) error {
	slow := time.Duration(0)
	for first := len(f.members); len(f.members) < mirrors; {
		f.stand.progress(fmt.Sprintf("starting %d mirrors", mirrors), float64(len(f.members))/float64(mirrors))
		began := time.Now()
		if err := f.startWithin(ctx); err != nil {
			return err
		}
		took := time.Since(began)
		if len(f.members) == first+1 {
			slow = max(slowStart, slowStarts*took)
		}
		if took < slow || len(f.members) == mirrors {
			continue
		}
		slow *= 2 // if it was the machine that was slow
		if err := f.takesUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startWithin starts one mirror.
func (f *fleet) startWithin(ctx context.Context) error {
	insisting, stop := f.stand.redis.insisted(ctx)
	defer stop()
	m, err := f.start(insisting)
	if err == nil {
		f.members = append(f.members, m)
		return nil
	}
	if insisting.Err() == nil || ctx.Err() != nil {
		return err
	}
	var over *quota.Exceeded
	if errors.As(context.Cause(insisting), &over) {
		return f.tooMany(over.Took)
	}
	return context.Cause(insisting) // nobody can tell any more what mirrors cost
}

// takesUp measures for a second what mirrors take that nobody tells anything.
func (f *fleet) takesUp(ctx context.Context) error {
	all, err := quota.Background(ctx, f.stand.redis.cpu)
	if err != nil {
		return err
	}
	if took := all - f.stand.redis.background; took > takenUp*f.stand.knobs.MaxShare {
		return f.tooMany(took)
	}
	return nil
}

func (f *fleet) tooMany(took float64) error {
	return &bench.ShareError{Contender: bench.FleetScenario, Mirrors: len(f.members), Took: took, Limit: f.stand.knobs.MaxShare}
}
