package scenario

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/lab"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// breaking is a small run of outage.
func breaking(calm time.Duration, faults ...Fault) Knobs {
	k := small(nil, defaultPrefix)
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	k.Outage.Faults, k.Outage.Server, k.Calm = faults, os.Getenv("REDIS_SERVER"), calm
	k.Runs = k.Outage.Script(calm)
	return k
}

// contender opens a run of outage and returns one of its contenders.
func contender(t *testing.T, k Knobs, name string) (*Stand, bench.Contender) {
	t.Helper()
	s := openStand(t, []string{"outage"}, k)
	i := slices.IndexFunc(s.Contenders(), func(c bench.Contender) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0)
	return s, s.Contenders()[i]
}

// measured is an open loop of one contender, in parts of a tenth of a second.
func measured(t *testing.T, ctx context.Context, k Knobs, c bench.Contender) ([]bench.Slice, error) {
	t.Helper()
	var all []bench.Slice
	_, err := bench.Run(ctx, bench.Plan{
		Contenders: []bench.Contender{c}, Concurrency: []int{32}, Rate: 200, Duration: k.Runs, Slice: 100 * time.Millisecond,
	}, func(s bench.Slice) error {
		assert.Zero(t, s.Errors[bench.WrongAnswer])
		all = append(all, s)
		return nil
	})
	return all, err
}

// between adds slices up that lie between two instants of the run.
func between(all []bench.Slice, from, until time.Duration) (answered, failed int64, worst time.Duration) {
	for _, s := range all {
		if s.At < from || s.At+s.Wall > until {
			continue
		}
		answered += s.Operations
		for _, n := range s.Errors {
			failed += n
		}
		worst = max(worst, time.Duration(s.Latency.Max()))
	}
	return answered, failed, worst
}

// What callers see of a Redis that hangs for longer than a mirror may be old,
// and of one that is killed and comes back.
func TestOutageOfOneRedis(t *testing.T) {
	t.Parallel()
	// A busy machine may carry out late what was due before the end.
	const hung, killed, margin = 2400 * time.Millisecond, 500 * time.Millisecond, time.Second
	k := breaking(700*time.Millisecond, Fault{Name: FaultHung, Lasts: hung}, Fault{Name: FaultKilled, Lasts: killed})
	s := openStand(t, []string{"outage"}, k)
	// Each has servers of its own: they need not take turns.
	runs := make([][]bench.Slice, len(s.Contenders()))
	var measuring errgroup.Group
	for i, c := range s.Contenders() {
		measuring.Go(func() (err error) {
			runs[i], err = measured(t, t.Context(), k, c)
			return err
		})
	}
	require.NoError(t, measuring.Wait())
	for name, look := range map[string]func(t *testing.T, all []bench.Slice, hang bench.Event){
		"outage/strict": func(t *testing.T, all []bench.Slice, hang bench.Event) {
			answered, failed, _ := between(all, hang.From, hang.Until-margin)
			assert.Zero(t, answered)
			assert.Positive(t, failed)
		},
		"outage/mirror": func(t *testing.T, all []bench.Slice, hang bench.Event) {
			answered, _, _ := between(all, hang.From, hang.From+mirrorGrace/2)
			assert.Positive(t, answered, "it goes on answering")
			answered, failed, _ := between(all, hang.From+mirrorGrace, hang.Until-margin)
			assert.Zero(t, answered, "but not when it is too old")
			assert.Positive(t, failed)
		},
		"outage/naive": func(t *testing.T, all []bench.Slice, hang bench.Event) {
			_, _, worst := between(all, hang.From, hang.Until-margin)
			assert.Greater(t, worst, hung/2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(s.Contenders(), func(c bench.Contender) bool { return c.Name == name })
			require.GreaterOrEqual(t, i, 0)
			all := runs[i]
			events := slices.DeleteFunc(s.Events(), func(e bench.Event) bool { return e.Contender != name })
			require.Len(t, events, 2)
			hang, kill := events[0], events[1]
			assert.Equal(t, []string{"hung", "killed"}, []string{hang.Name, kill.Name})
			assert.GreaterOrEqual(t, hang.From, k.Calm)
			assert.GreaterOrEqual(t, hang.Until-hang.From, hung)
			assert.GreaterOrEqual(t, kill.From, hang.Until+k.Calm)
			assert.GreaterOrEqual(t, kill.Until-kill.From, killed)
			answered, _, _ := between(all, 0, hang.From)
			assert.Positive(t, answered, "before")
			if name != "outage/naive" { // whose herd takes a while
				answered, _, _ = between(all, hang.Until, kill.From)
				assert.Positive(t, answered, "between")
			}
			look(t, all, hang)
			if t.Failed() {
				for _, s := range all {
					t.Log(s.At, s.Operations, s.Errors, s.Unbegun, time.Duration(s.Latency.Max()))
				}
				t.Log(events)
				t.Log(strings.Join(s.Notes(), "\n"))
			}

			notes := strings.Join(s.Notes(), "\n")
			assert.Regexp(t, name+`@32, hung: .*the slowest took `, notes)
			assert.Regexp(t, name+`@32: [1-9]\d* tokens were revoked meanwhile; none was accepted `, notes)
			do, err := s.Contenders()[i].Scenario.Operation(0, 32)
			require.NoError(t, err)
			soon, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			assert.NoError(t, lab.Poll(soon, func() error { return do(soon) }), "afterwards")
		})
	}
}

// The instants of an event are those of the fault: whoever asks between them is
// not answered, whoever asks before is.
func TestEventsEncloseTheFault(t *testing.T) {
	t.Parallel()
	k := breaking(200*time.Millisecond, Fault{Name: FaultHung, Lasts: 400 * time.Millisecond}, Fault{Name: FaultKilled, Lasts: 300 * time.Millisecond})
	s, c := contender(t, k, "outage/strict")
	o := c.Scenario.(*outage)
	_, err := o.Operation(0, 1)
	require.NoError(t, err)
	client := o.lab.Client()
	defer func() { _ = client.Close() }()
	ctx, end := context.WithCancel(t.Context())
	began, played := time.Now(), make(chan error, 1)
	go func() { played <- o.Play(ctx, time.Since(began)) }()
	type answer struct{ asked, came time.Duration }
	var answers []answer
	for asked := time.Duration(0); asked < k.Runs; asked = time.Since(began) {
		if client.Ping(t.Context()).Err() == nil {
			answers = append(answers, answer{asked, time.Since(began)})
		}
		time.Sleep(2 * time.Millisecond)
	}
	end()
	require.NoError(t, <-played)
	events := s.Events()
	require.Len(t, events, 2)
	for i, e := range events {
		lasts := k.Outage.Faults[i].Lasts // and no less; a busy machine is late at either end
		inside := func(a answer) bool { return a.asked > e.From+lasts/2 && a.came < e.From+lasts }
		assert.False(t, slices.ContainsFunc(answers, inside), "%s: %v in %v", e.Name, e, answers)
	}
	assert.Less(t, answers[0].came, events[0].From)
}

// A replica takes the primary's place, and callers are answered by it.
func TestOutageThatFailsOver(t *testing.T) {
	t.Parallel()
	k := breaking(300*time.Millisecond, Fault{Name: FaultFailedOver, Lasts: 2 * time.Second})
	s, c := contender(t, k, "outage/mirror")
	o := c.Scenario.(*outage)
	primary := o.lab.Primary()
	all, err := measured(t, t.Context(), k, c)
	require.NoError(t, err)
	events := s.Events()
	require.Len(t, events, 1)
	assert.Equal(t, "failed over", events[0].Name)
	assert.Greater(t, events[0].Until, events[0].From)
	answered, _, _ := between(all, 0, events[0].From)
	assert.Positive(t, answered)
	if !assert.False(t, o.lost, "the failover has not ended: %v", events) {
		return
	}
	assert.NotEqual(t, primary, o.lab.Primary())
	do, err := c.Scenario.Operation(0, 32)
	require.NoError(t, err)
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	assert.NoError(t, lab.Poll(soon, func() error { return do(soon) }))
}

// Late replies are late for the client that is measured, and no longer than that.
func TestOutageThatIsSlow(t *testing.T) {
	t.Parallel()
	k := breaking(300*time.Millisecond, Fault{Name: FaultSlow, Lasts: 600 * time.Millisecond, Late: 150 * time.Millisecond})
	s, c := contender(t, k, "outage/naive")
	all, err := measured(t, t.Context(), k, c)
	require.NoError(t, err)
	events := s.Events()
	require.Len(t, events, 1)
	assert.Equal(t, "slow by 150ms", events[0].Name)
	answered, failed, worst := between(all, events[0].From, events[0].Until)
	assert.Positive(t, answered)
	assert.Zero(t, failed)
	assert.GreaterOrEqual(t, worst, 150*time.Millisecond)
}

// A mirror that is cut off must not go on beyond max-staleness: revocations are
// acknowledged meanwhile. One that does so all the same is found out.
func TestOutageFindsAMirrorThatIsTooOld(t *testing.T) {
	t.Parallel()
	k := breaking(300*time.Millisecond, Fault{Name: FaultCutOff, Lasts: 2 * time.Second})
	s, c := contender(t, k, "outage/mirror")
	o := c.Scenario.(*outage)
	wrongAnswers := func() (n int64) {
		_, err := bench.Run(t.Context(), bench.Plan{
			Contenders: []bench.Contender{c}, Concurrency: []int{32}, Rate: 800, Duration: k.Runs, Slice: 100 * time.Millisecond,
		}, func(s bench.Slice) error {
			n += s.Errors[bench.WrongAnswer]
			return nil
		})
		require.NoError(t, err)
		return n
	}
	assert.Zero(t, wrongAnswers())
	require.Len(t, s.Events(), 1)
	assert.Equal(t, "cut off", s.Events()[0].Name)
	assert.Positive(t, o.witness.Load().count(classUnavailable))

	var denied sync.Map // of the mirror that is too old: what it knew
	right := o.answer
	o.answer = func(ctx context.Context, t *token) error {
		err := right(ctx, t)
		switch _, known := denied.Load(t); {
		case errors.Is(err, denylist.ErrRevoked):
			denied.Store(t, true)
		case errors.Is(err, denylist.ErrUnavailable) && known:
			return denylist.ErrRevoked
		case errors.Is(err, denylist.ErrUnavailable):
			return nil
		}
		return err
	}
	assert.Positive(t, wrongAnswers())
}

// A run that ends early leaves no server and no directory, be they hung.
func TestInterruptedOutageLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	k := breaking(100*time.Millisecond, Fault{Name: FaultHung, Lasts: time.Minute})
	s, err := Open(t.Context(), []string{"outage"}, k, nil)
	require.NoError(t, err)
	o := s.Contenders()[0].Scenario.(*outage)
	at, err := url.Parse(o.lab.URL())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		assert.NoError(t, lab.Poll(t.Context(), func() error {
			if o.witness.Load().count(classUnavailable) == 0 {
				return errors.New("it does not hang yet")
			}
			return nil
		}))
	}()
	_, err = measured(t, ctx, k, s.Contenders()[0])
	assert.ErrorIs(t, err, bench.ErrInterrupted)
	require.Len(t, s.Events(), 1, "what was under way is told")
	require.NoError(t, s.Close())
	_, err = net.Dial("tcp", at.Host)
	assert.Error(t, err)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOutageThatCannotBegin(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{"/no/such/server": "no such file", "/bin/false": "does not answer"} {
		k := breaking(0, Fault{Name: FaultHung, Lasts: time.Second})
		k.Outage.Server = server
		_, err := Open(t.Context(), []string{"outage"}, k, nil)
		assert.ErrorIs(t, err, ErrServer)
		assert.ErrorContains(t, err, want)
	}
	_, err := Open(t.Context(), []string{"outage", "signature"}, breaking(0), nil)
	assert.ErrorIs(t, err, ErrKnob)
}

// What a token's answer is worth depends on what was known when the check began.
func TestLedger(t *testing.T) {
	t.Parallel()
	const second = time.Second
	type state struct{ tried, acknowledged, began time.Duration }
	for name, row := range map[string]struct {
		state
		grace  time.Duration
		losses []loss
		answer error
		want   string
	}{
		"good":                          {},
		"good, and refused":             {answer: denylist.ErrRevoked, want: bench.WrongAnswer},
		"tried, and refused":            {state: state{tried: 1, began: 2}, answer: denylist.ErrRevoked},
		"tried, and accepted":           {state: state{tried: 1, began: 2}},
		"acknowledged, and accepted":    {state: state{1, 2, 3}, want: bench.WrongAnswer},
		"acknowledged while it ran":     {state: state{1, 3, 2}},
		"acknowledged, and refused":     {state: state{1, 2, 3}, answer: denylist.ErrRevoked},
		"within max-staleness":          {state: state{1, 2, second}, grace: second},
		"longer ago than max-staleness": {state: state{1, 2, second + 3}, grace: second, want: bench.WrongAnswer},
		"cannot tell":                   {state: state{1, 2, 3}, answer: unavailable(os.ErrDeadlineExceeded), want: classUnavailable},
		"forgotten":                     {state: state{1, 9 * second, 12 * second}, losses: []loss{{10 * second, 11 * second}}, want: classForgotten},
		"long before it was lost":       {state: state{1, 7 * second, 12 * second}, losses: []loss{{10 * second, 11 * second}}, want: bench.WrongAnswer},
		"after it was back":             {state: state{1, 11*second + 1, 12 * second}, losses: []loss{{10 * second, 11 * second}}, want: bench.WrongAnswer},
		"before it was lost":            {state: state{1, 9 * second, 9*second + 1}, losses: []loss{{10 * second, 11 * second}}, want: bench.WrongAnswer},
	} {
		l := newLedger(make([]token, 1), row.grace)
		l.state[0].tried.Store(int64(row.tried))
		l.state[0].acknowledged.Store(int64(row.acknowledged))
		l.losses.Store(&row.losses)
		assert.Equal(t, row.want, verdict(l.judge(0, row.began, row.answer)), name)
	}
}

// What callers saw, in words.
func TestWitness(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	w := &witness{}
	w.saw(0, 1*ms, "")
	w.begin("hung", 100*ms)
	w.saw(90*ms, 110*ms, classUnavailable) // of before
	w.saw(105*ms, 155*ms, classUnavailable)
	w.saw(140*ms, 160*ms, "")
	w.end(1000 * ms)
	w.saw(500*ms, 1040*ms, "")
	w.begin("killed", 1500*ms)
	w.end(1600 * ms)
	w.saw(1500*ms, 1900*ms, "")
	w.begin("slow", 2000*ms)
	w.end(2050 * ms)
	w.saw(2001*ms, 2101*ms, "")
	w.saw(2200*ms, 2210*ms, "")
	w.begin("cut off", 2300*ms)
	w.saw(2305*ms, 2310*ms, "")
	w.saw(2400*ms, 2450*ms, classUnavailable)
	w.end(2500 * ms)
	w.begin("failed over", 3000*ms)
	w.close(4000 * ms)
	assert.Equal(t, []string{
		"x, hung: the first check failed after 55ms; nobody was answered for 880ms, until 40ms after it had ended; the slowest took 540ms",
		"x, killed: no check failed; nobody was answered for 400ms, until 300ms after it had ended; the slowest took 400ms",
		"x, slow: no check failed; the slowest took 100ms",
		"x, cut off: the first check failed after 150ms; nobody was answered for 690ms, and that was not over when the next fault, " +
			"or the end of the turn, came; the slowest took 50ms",
		"x, failed over: no check failed; nobody was answered for 1s, and the turn ended before it did; the slowest took 0s",
	}, w.notes("x"))
	assert.Equal(t, 2, w.count(classUnavailable))
}

func TestParseFault(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fault{
		"hung=2s":         {Name: FaultHung, Lasts: 2 * time.Second},
		"failed-over=90s": {Name: FaultFailedOver, Lasts: 90 * time.Second},
		"cut-off=3s":      {Name: FaultCutOff, Lasts: 3 * time.Second},
		"slow=500ms":      {Name: FaultSlow, Lasts: 500 * time.Millisecond, Late: defaultLate},
		"slow:20ms=2s":    {Name: FaultSlow, Lasts: 2 * time.Second, Late: 20 * time.Millisecond},
	} {
		got, err := ParseFault(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
		again, err := ParseFault(got.String())
		require.NoError(t, err)
		assert.Equal(t, want, again)
	}
	for _, text := range []string{
		"", "hung", "hung=", "hung=2", "hung=0s", "hung=-1s", "hung=11m", "hung:1s=2s", "slow:0s=2s", "slow:=2s", "slow:11s=2s",
		"slow:-1ms=2s", "burnt=2s", "=2s", "hung=2s=3s", strings.Repeat("x", 100) + "=2s",
	} {
		_, err := ParseFault(text)
		assert.ErrorIs(t, err, ErrKnob, text)
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("hung=2s")
	f.Add("slow:100ms=2s")
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			assert.ErrorIs(t, err, ErrKnob)
			return
		}
		again, err := ParseFault(fault.String())
		require.NoError(t, err)
		assert.Equal(t, fault, again)
	})
}
