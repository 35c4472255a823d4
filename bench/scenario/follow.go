package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"encoding/json"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

// What a follower says: a word alone, or behind the id of a token.
const (
	followerReady = "ready" // its mirror is complete
	followerLooks = "looks" // it looks out for the token; in the next line of that id is when it was denied
)

// Follow is the other process of the scenario propagation, which starts it as
// Knobs.Follower says and talks to it by in and out: it mirrors the run's
// denylist, and says when that denies the tokens that it is told of. It returns
// when in ends, or ctx, before the run's keys are removed.
func Follow(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	var of followed
	if !lines.Scan() {
		return fmt.Errorf("%w: nobody says what to follow: rescind bench run propagation does", ErrMissing)
	}
	if err := json.Unmarshal(lines.Bytes(), &of); err != nil {
		return badKnob("what to follow: %v", err)
	}
	r := &redisSide{knobs: Knobs{Redis: of.Redis}, prefix: of.Prefix, filled: true}
	client, store, err := r.dial(of.Delay)
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return err
	}
	r.client = client
	w := &watcher{of: of, out: out, heard: make(chan struct{})}
	client.AddHook(w)
	r.store = store
	meter, err := r.loadWithin(of)
	if meter != nil {
		defer meter.Close()
	}
	if err != nil {
		return err
	}
	s := &Stand{redis: r, population: &population{}, progress: func(string, float64) {}}
	w.mirror, err = s.mirror(ctx)
	if err == nil {
		err = w.say(followerReady)
	}
	if err == nil {
		w.watchAll(ctx, lines)
	}
	for _, c := range s.closers {
		err = errors.Join(err, c())
	}
	return err
}

// loadWithin has the mirror keep to the run's share while it loads, when the run
// itself waits for that. The meter is read by a client of its own, which nothing
// holds back.
func (r *redisSide) loadWithin(of followed) (meter redis.UniversalClient, err error) {
	if of.MaxShare == 0 {
		return nil, nil
	}
	if r.admin, _, err = r.dial(0); err != nil {
		return r.admin, err
	}
	r.client.AddHook(r.hold(of.MaxShare, of.Background))
	return r.admin, nil
}

// watcher asks the mirror about tokens whenever Redis has said something. To ask
// without a pause would take a core from those who are measured.
type watcher struct {
	of      followed
	mirror  *mirrorSide
	writing sync.Mutex
	out     io.Writer

	mu    sync.Mutex
	heard chan struct{} // closed by the next reply
}

var _ redis.Hook = (*watcher)(nil)

// watchAll watches for each token that a line names, until there are no more.
func (w *watcher) watchAll(ctx context.Context, lines *bufio.Scanner) {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for lines.Scan() {
		id := lines.Text()
		all.Go(func() { w.watch(ctx, id) })
	}
}

const (
	// watchFor is how long the mirror may take from a reply until it denies
	// what was in that.
	watchFor = 500 * time.Microsecond
	// watchEvery is for the case that it took longer.
	watchEvery = 10 * time.Millisecond
	// watchEnd is after when nobody waits for an answer any more.
	watchEnd = 30 * time.Second
)

// watch says when a token is denied.
func (w *watcher) watch(ctx context.Context, id string) {
	now := time.Now()
	t := denylist.Token{Issuer: issuer, ID: id, Login: now, ExpiresAt: w.of.ExpiresAt}
	ctx, cancel := context.WithDeadline(ctx, now.Add(watchEnd))
	defer cancel()
	if w.say(id+" "+followerLooks) != nil {
		return
	}
	for heard := w.next(); !w.denies(t); heard = w.next() {
		again := time.NewTimer(watchEvery)
		select {
		case <-heard:
			again.Stop()
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
	at := sharedNow()
	_ = w.say(id + " " + strconv.FormatInt(int64(at), 10)) // whoever started this has ended otherwise
}

// denies asks the mirror a few times: a reply is heard of before the mirror has
// read it.
func (w *watcher) denies(t denylist.Token) bool {
	for end := time.Now().Add(watchFor); ; runtime.Gosched() {
		now := time.Now()
		if err, known := w.mirror.Glance(t).Verdict(now); known && errors.Is(err, denylist.ErrRevoked) {
			return true
		}
		if now.After(end) {
			return false
		}
	}
}

// next is closed by the next reply of Redis.
func (w *watcher) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

func (w *watcher) hear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.heard)
	w.heard = make(chan struct{})
}

func (w *watcher) say(line string) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err := io.WriteString(w.out, line+"\n")
	return err
}

// DialHook implements [redis.Hook].
func (w *watcher) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (w *watcher) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		defer w.hear()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (w *watcher) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		defer w.hear()
		return next(ctx, cmds)
	}
}
