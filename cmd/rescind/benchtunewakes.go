package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/denylist"
)

// How a mirror's wakes are measured, before the search.
const (
	wakesShare = 0.1 // of the budget
	// Of its parts the first ones are what Redis uses without mirrors, then there
	// are some that are thrown away: a mirror that was idle has wakes saved up.
	wakesAlone, wakesDrain, wakesParts = 2, 3, 8
	// leastRevoked is how many revocations say something of the last hundredth.
	leastRevoked = 100
)

// wakes is how late mirrors heard of what was revoked, by how often a second they
// read as it happens.
type wakes struct {
	values []int // the first is the default
	heard  []tune.Heard
	best   int
	read   time.Duration // what a read costs Redis; 0: not known
	took   time.Duration // to find out
}

// value is what a mirror is to have; 0: the default.
func (w *wakes) value() int { return w.values[w.best] }

// judged reports whether enough was revoked.
func (w *wakes) judged() bool { return len(w.heard) > 0 && w.heard[0].Count >= leastRevoked }

// wakesPart is how long one part lasts.
func (f *tuneFlags) wakesPart() time.Duration {
	return time.Duration(wakesShare / (wakesAlone + wakesDrain + wakesParts) * float64(f.budget)).Truncate(time.Millisecond)
}

// listens is for how long mirrors are listened to.
func (f *tuneFlags) listens() time.Duration { return wakesParts * f.wakesPart() }

// measureWakes has tokens revoked from now on, and one mirror for each number of
// wakes follow, while callers verify beside the first. Where no mirror may be
// taken there is only the default one, for how stale that would be.
func (l *lab) measureWakes(ctx context.Context) (*wakes, error) {
	began := time.Now()
	w := &wakes{values: l.stand.Wakes()}
	if l.flags.guarantee == guaranteeStrict {
		w.values = w.values[:1]
	}
	if err := l.stand.Revoking(ctx); err != nil {
		return nil, err
	}
	part := l.flags.wakesPart()
	alone, err := l.redisShare(ctx, func() error { return l.idle(ctx, wakesAlone*part) })
	if err != nil {
		return nil, err
	}
	followers, err := l.followers(ctx, w.values)
	if err != nil {
		return nil, err
	}
	results := &bench.Results{}
	for _, f := range followers { // in this order
		results.Header.Scenarios = append(results.Header.Scenarios, bench.Description{Name: f.name})
	}
	followed, err := l.redisShare(ctx, func() error {
		for round := range wakesDrain + wakesParts {
			l.show("measuring how late a mirror hears of revocations")
			if err := l.listen(ctx, followers, part, round, results); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.heard = tune.Listen(results)
	if w.judged() {
		w.best = tune.Choose(w.heard, l.flags.stale)
	}
	w.read, w.took = perRead(followed-alone, w.heard), time.Since(began)
	return w, nil
}

// idle lets a while pass.
func (l *lab) idle(ctx context.Context, lasts time.Duration) error {
	timer := time.NewTimer(lasts)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// redisShare is how much of a core Redis uses while something goes on; NaN: it
// does not say.
func (l *lab) redisShare(ctx context.Context, while func() error) (float64, error) {
	meters := l.stand.Contenders()[0].Meters
	if len(meters) == 0 {
		return math.NaN(), while()
	}
	before, err := meters[0].Read(ctx)
	began := time.Now()
	if err = cmp.Or(err, while()); err != nil {
		return 0, err
	}
	after, err := meters[0].Read(ctx)
	return float64(after-before) / float64(time.Since(began)), err
}

// perRead is what each read costs, which is the same whoever reads.
func perRead(share float64, heard []tune.Heard) time.Duration {
	reads := 0.0
	for _, h := range heard {
		reads += h.Reads
	}
	if each := share / reads * float64(time.Second); each > float64(time.Microsecond) && each < float64(time.Millisecond) {
		return time.Duration(each)
	}
	return 0 // others began or ended meanwhile
}

// follower is a candidate with a mirror.
type follower struct {
	name string
	of   *scenario.Candidate
}

func (l *lab) followers(ctx context.Context, wakes []int) ([]follower, error) {
	var all []follower
	for _, n := range wakes {
		name, of := wakesText(n), scenario.Settings{Mirror: true, MirrorWakes: n}
		if n == 0 { // as it will be, once it knows how many mirrors there are
			of.MirrorWakes = denylist.MirrorWakes(1)
		}
		c, err := l.candidate(ctx, name, of)
		if err != nil {
			return nil, err
		}
		all = append(all, follower{name, c})
	}
	return all, nil
}

// listen has callers verify beside the first for a while, and takes down what all
// of them heard meanwhile.
func (l *lab) listen(ctx context.Context, all []follower, lasts time.Duration, round int, into *bench.Results) error {
	plan := l.flags.plan([]bench.Contender{all[0].of.Verify()})
	plan.Rate, plan.Duration, plan.Slice = l.flags.aim.Rate, lasts, lasts
	plan.MaxShare, plan.Background = l.flags.share, l.stand.Background()
	if _, err := bench.Run(ctx, plan, func(bench.Slice) error { return nil }); err != nil {
		return err
	}
	for _, f := range all {
		lag, _ := f.of.Lag()
		switch {
		case lag.Wrong > 0:
			return tune.ErrWrong
		case round >= wakesDrain:
			into.Slices = append(into.Slices, bench.Slice{
				Contender: f.name, Concurrency: 1, Round: round, Wall: lag.Lasted, Operations: lag.Took.TotalCount(), Latency: lag.Took,
				Gauges: map[string]float64{bench.GaugeReads: float64(lag.Reads) / lag.Lasted.Seconds()},
			})
		}
	}
	return nil
}

func wakesText(n int) string {
	if n == 0 {
		return fmt.Sprintf("%s: adapts, %d", usualWakes, denylist.MirrorWakes(1))
	}
	return strconv.Itoa(n)
}

// usualWakes is the default of rescind serve: it adapts.
const usualWakes = "0"
