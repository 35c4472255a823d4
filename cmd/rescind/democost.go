package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// costRuns is how often the demo repeats what it takes the median of.
const costRuns = 500

// storeCalls is how often a store was called.
type storeCalls struct {
	Checks  int `json:"checks"`
	Spends  int `json:"spends"`
	Revokes int `json:"revokes"`
	Clock   int `json:"clock"`
}

func (n storeCalls) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{n.Checks, "check"}, {n.Spends, "spend"}, {n.Revokes, "revoke"}, {n.Clock, "clock"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if parts == nil {
		return "not asked"
	}
	return strings.Join(parts, ", ")
}

// countingStore counts the calls of a store. The demo is one goroutine.
type countingStore struct {
	rotation.Store
	calls storeCalls
}

func (s *countingStore) Check(ctx context.Context, t denylist.Token) error {
	s.calls.Checks++
	return s.Store.Check(ctx, t)
}

func (s *countingStore) Revoke(ctx context.Context, entries ...denylist.Entry) (denylist.Receipt, error) {
	s.calls.Revokes++
	return s.Store.Revoke(ctx, entries...)
}

func (s *countingStore) Spend(ctx context.Context, t denylist.Token, next denylist.Successor, how denylist.Exchange) (denylist.Spent, error) {
	s.calls.Spends++
	return s.Store.Spend(ctx, t, next, how)
}

func (s *countingStore) Now(ctx context.Context) (time.Time, error) {
	s.calls.Clock++
	return s.Store.Now(ctx)
}

// demoCosts is what the demo measured on this machine.
type demoCosts struct {
	First   time.Duration    `json:"first_nanoseconds"`  // signature, claims and denylist
	Verify  time.Duration    `json:"verify_nanoseconds"` // once the signature is known
	Check   time.Duration    `json:"check_nanoseconds"`  // of both, the denylist
	Entries map[string]int64 `json:"entries"`            // that the story left
}

// costs measures a verification on a living session, and counts what the two
// sessions before it left in the denylist.
func (d *demo) costs(ctx context.Context) (demoCosts, error) {
	after, err := d.counts(ctx)
	if err != nil {
		return demoCosts{}, err
	}
	costs := demoCosts{Entries: map[string]int64{
		"token":   after.Token - d.before.Token,
		"session": after.Session - d.before.Session,
		"subject": after.Subject - d.before.Subject,
	}}
	tokens, err := d.loginAfterCutoff(ctx)
	if err != nil {
		return costs, err
	}
	claims, err := d.verifier.Verify(ctx, tokens.Access)
	if err != nil {
		return costs, err
	}
	// Without a cache, each time is the first.
	first, err := verifier.New(d.store, []verifier.Issuer{d.sessions.Issuer()}, verifier.Options{NoCache: true})
	if err != nil {
		return costs, err
	}
	costs.First, err = median(func() error { _, err := first.Verify(ctx, tokens.Access); return err })
	if err != nil {
		return costs, err
	}
	costs.Verify, err = median(func() error { _, err := d.verifier.Verify(ctx, tokens.Access); return err })
	if err != nil {
		return costs, err
	}
	costs.Check, err = median(func() error { return d.store.Check(ctx, claims.Token()) })
	return costs, err
}

// counts is how many entries the store holds.
func (d *demo) counts(ctx context.Context) (denylist.Counts, error) {
	operator, ok := d.store.Store.(denylist.Operator)
	if !ok {
		return denylist.Counts{}, errors.New("the store cannot count its entries")
	}
	return operator.Counts(ctx)
}

// loginAfterCutoff waits for the next millisecond: a login of the cutoff's own
// is denied with those before it (R6).
func (d *demo) loginAfterCutoff(ctx context.Context) (rotation.Tokens, error) {
	time.Sleep(2 * time.Millisecond)
	return d.login(ctx)
}

// median returns the median duration of many runs.
func median(run func() error) (time.Duration, error) {
	took := make([]time.Duration, costRuns)
	for i := range took {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// printDemo answers with the story and its price.
func (c *call) printDemo(steps []demoStep, costs demoCosts) error {
	where := "the embedded store"
	if c.redis != "" {
		where = "Redis, under the prefix " + c.prefix
	}
	fmt.Fprintf(c.stdout, "The engine itself, on %s:\n\n", where)
	rows := make([][]string, 0, len(steps))
	for _, s := range steps {
		rows = append(rows, []string{s.What, rounded(s.Took), s.Store.String(), s.Answer})
	}
	if err := c.printTable([]string{"STEP", "TOOK", "STORE", "ANSWER"}, rows); err != nil {
		return err
	}
	e := costs.Entries
	_, err := fmt.Fprintf(c.stdout, `
A token took %s to verify at first, %s once it was known: %s of both in the denylist (medians of %d).
The story left %d entries: of %d session, %d subject and %d exchanged access tokens.
`, rounded(costs.First), rounded(costs.Verify), rounded(costs.Check), costRuns,
		e["session"]+e["subject"]+e["token"], e["session"], e["subject"], e["token"])
	return err
}

// rounded keeps three digits of a duration.
func rounded(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
