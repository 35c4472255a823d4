package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// repairTime is how long servers may take to come back after a turn.
const repairTime = 10 * time.Second

// errLost is why no further turn can be measured on servers that are broken.
var errLost = errors.New("scenario: a failover had not ended when its turn did: what the servers are now is not known; " +
	"take fewer levels, or a longer duration")

// Play implements bench.Staged: tokens are revoked all the time, and fault
// follows fault, each with a calm before and after it.
func (o *outage) Play(ctx context.Context, at time.Duration) error {
	t := o.turn(time.Now().Add(-at))
	if o.lost {
		return errLost
	}
	revoking := make(chan struct{})
	go func() {
		defer close(revoking)
		o.revokeAll(ctx)
	}()
	err := o.perform(ctx, t)
	<-revoking
	t.witness.close(o.ledger.Load().now())
	o.told.say(t.notes()...)
	if ctx.Err() != nil { // as it has, but where something went wrong
		return nil
	}
	return err
}

// outageTurn is one turn.
type outageTurn struct {
	outage      *outage
	began       time.Time // the run
	concurrency int
	witness     *witness
}

func (o *outage) turn(runBegan time.Time) *outageTurn {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := &outageTurn{outage: o, began: runBegan, concurrency: o.concurrency, witness: &witness{}}
	o.witness.Store(t.witness)
	return t
}

// of names the turn as tables do.
func (t *outageTurn) of() string { return fmt.Sprintf("%s@%d", t.outage.name, t.concurrency) }

// perform goes through the script, and waits for the end of the turn.
func (o *outage) perform(ctx context.Context, t *outageTurn) error {
	if !rest(ctx, o.calm) {
		return nil
	}
	for _, f := range o.script {
		if err := o.bring(ctx, t, f); err != nil {
			return fmt.Errorf("scenario: %s: %w", f.Name, err)
		}
		if !rest(ctx, o.calm) {
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// rest reports false where the turn ended before.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bring brings one fault about, and ends it, also where the turn ends first.
func (o *outage) bring(ctx context.Context, t *outageTurn, f Fault) error {
	switch f.Name {
	case FaultHung:
		return o.hang(ctx, t, f)
	case FaultKilled:
		return o.kill(ctx, t, f)
	case FaultSlow:
		return o.slow(ctx, t, f)
	case FaultCutOff:
		return o.cutOff(ctx, t, f)
	}
	return o.failOver(ctx, t, f)
}

func (o *outage) hang(ctx context.Context, t *outageTurn, f Fault) error {
	t.begin(f)
	from, err := o.lab.Hang()
	if err != nil {
		return err
	}
	rest(ctx, f.Lasts)
	until, err := o.lab.Resume()
	t.end(f, from, until)
	return err
}

func (o *outage) kill(ctx context.Context, t *outageTurn, f Fault) error {
	t.begin(f)
	from := o.lab.Kill()
	o.ledger.Load().lose(from)
	rest(ctx, f.Lasts)
	repairing, cancel := context.WithTimeout(context.WithoutCancel(ctx), repairTime)
	defer cancel()
	until, err := o.lab.Revive(repairing)
	o.ledger.Load().settle(until)
	t.end(f, from, until)
	return err
}

func (o *outage) slow(ctx context.Context, t *outageTurn, f Fault) error {
	t.begin(f)
	from := time.Now()
	o.late.set(f.Late)
	rest(ctx, f.Lasts)
	o.late.set(0)
	t.end(f, from, time.Now())
	return nil
}

// cutOff is the fault in which revocations are acknowledged all the while, and
// those who verify cannot hear of them: what they go on accepting shows then.
func (o *outage) cutOff(ctx context.Context, t *outageTurn, f Fault) error {
	t.begin(f)
	from := time.Now()
	o.late.hold(from.Add(f.Lasts))
	rest(ctx, f.Lasts)
	o.late.hold(time.Time{})
	t.end(f, from, time.Now())
	return nil
}

// failOver ends when the new primary has taken a write; the old one stays away
// for as long as the fault was to last.
func (o *outage) failOver(ctx context.Context, t *outageTurn, f Fault) error {
	o.lost = true // until it is known
	t.begin(f)
	from, err := o.lab.Depose(ctx)
	if err != nil {
		return err
	}
	o.ledger.Load().lose(from)
	until, err := o.lab.Succeed(ctx)
	t.end(f, from, until)
	if err != nil {
		return err
	}
	o.ledger.Load().settle(until)
	rest(ctx, time.Until(from.Add(f.Lasts)))
	repairing, cancel := context.WithTimeout(context.WithoutCancel(ctx), repairTime)
	defer cancel()
	err = o.lab.Rejoin(repairing)
	o.lost = err != nil
	return err
}

// begin is told right before a fault is brought about: an operation that ends
// while that takes its time belongs to it.
func (t *outageTurn) begin(f Fault) {
	t.witness.begin(f.what(), t.outage.ledger.Load().now())
}

// end ends a fault, and has it in the result.
func (t *outageTurn) end(f Fault, from, until time.Time) {
	t.witness.end(t.outage.ledger.Load().at(until))
	t.outage.told.happened(bench.Event{
		Contender: t.outage.name, Concurrency: t.concurrency, Name: f.what(),
		From: from.Sub(t.began), Until: until.Sub(t.began),
	})
}

// notes are what callers saw, and what became of the tokens that were revoked
// meanwhile.
func (t *outageTurn) notes() []string {
	l := t.outage.ledger.Load()
	notes := t.witness.notes(t.of())
	due := "once Redis had acknowledged it"
	if l.grace > 0 {
		due = fmt.Sprintf("%v after Redis had acknowledged it", l.grace)
	}
	switch lost := t.witness.count(classForgotten); {
	case t.witness.count(bench.WrongAnswer) > 0: // of which more is said elsewhere
	case lost > 0:
		notes = append(notes, fmt.Sprintf("%s: %d checks accepted tokens that were revoked in the %v before Redis was killed or "+
			"failed over, and that it has forgotten", t.of(), lost, forgets))
	default:
		notes = append(notes, fmt.Sprintf("%s: %d tokens were revoked meanwhile; none was accepted %s", t.of(), l.acknowledged(), due))
	}
	return notes
}

// what is a fault in the words of a result.
func (f Fault) what() string {
	switch f.Name {
	case FaultSlow:
		return fmt.Sprintf("slow by %v", f.Late)
	case FaultCutOff:
		return "cut off"
	case FaultFailedOver:
		return "failed over"
	}
	return f.Name
}

// revokeAll revokes one token after the other, each until Redis has acknowledged
// it, as an operator would.
func (o *outage) revokeAll(ctx context.Context) {
	l := o.ledger.Load()
	next := int(l.tried.Load())
	for rest(ctx, revokeEvery) {
		if next == len(l.tokens) {
			return
		}
		l.try(next)
		if o.revoke(ctx, &l.tokens[next]) == nil {
			l.acknowledge(next)
			next++
		}
	}
}
