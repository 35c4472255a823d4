package denylist_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// faulty is a Memory behind a line that can be cut, or lose the reply to a
// write.
type faulty struct {
	*denylist.Memory
	broken, lossy atomic.Bool
}

// ask asks over the line.
func ask[T any](f *faulty, question func() (T, error)) (T, error) {
	if f.broken.Load() {
		var none T
		return none, fmt.Errorf("faulty: cut off: %w", denylist.ErrUnavailable)
	}
	return question()
}

// write asks over the line for a write, which takes effect even if its reply
// is lost.
func write[T any](f *faulty, question func() (T, error)) (T, error) {
	answer, err := ask(f, question)
	if f.lossy.CompareAndSwap(true, false) {
		var none T
		return none, fmt.Errorf("faulty: reply lost: %w", denylist.ErrUnknown)
	}
	return answer, err
}

func (f *faulty) Check(ctx context.Context, t denylist.Token) error {
	_, err := ask(f, func() (any, error) { return nil, f.Memory.Check(ctx, t) })
	return err
}

func (f *faulty) Revoke(ctx context.Context, entries ...denylist.Entry) (denylist.Receipt, error) {
	return write(f, func() (denylist.Receipt, error) { return f.Memory.Revoke(ctx, entries...) })
}

func (f *faulty) Spend(ctx context.Context, t denylist.Token, s denylist.Successor, how denylist.Exchange) (denylist.Spent, error) {
	return write(f, func() (denylist.Spent, error) { return f.Memory.Spend(ctx, t, s, how) })
}

func (f *faulty) Spendable(ctx context.Context, t denylist.Token) error {
	_, err := ask(f, func() (any, error) { return nil, f.Memory.Spendable(ctx, t) })
	return err
}

func (f *faulty) Now(ctx context.Context) (time.Time, error) {
	return ask(f, func() (time.Time, error) { return f.Memory.Now(ctx) })
}

func (f *faulty) Get(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	return ask(f, func() (denylist.Entry, error) { return f.Memory.Get(ctx, scope, issuer, id) })
}

func (f *faulty) List(ctx context.Context, q denylist.Query) (denylist.Page, error) {
	return ask(f, func() (denylist.Page, error) { return f.Memory.List(ctx, q) })
}

func (f *faulty) Counts(ctx context.Context) (denylist.Counts, error) {
	return ask(f, func() (denylist.Counts, error) { return f.Memory.Counts(ctx) })
}

func (f *faulty) Reinstate(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	return write(f, func() (denylist.Entry, error) { return f.Memory.Reinstate(ctx, scope, issuer, id) })
}
