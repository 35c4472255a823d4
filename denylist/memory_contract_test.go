package denylist_test

import (
	"testing"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/denylist/denylisttest"
)

func TestMemory_Contract(t *testing.T) {
	denylisttest.Run(t, func(*testing.T) denylisttest.Subject {
		return denylisttest.Subject{Store: denylist.NewMemory(denylist.MemoryOptions{})}
	})
}

func TestMemory_ContractOfOtherSettings(t *testing.T) {
	opts := denylist.MemoryOptions{SkewMargin: 3 * time.Second, Lifetime: time.Hour}
	denylisttest.Run(t, func(*testing.T) denylisttest.Subject {
		return denylisttest.Subject{Store: denylist.NewMemory(opts), SkewMargin: opts.SkewMargin, Lifetime: opts.Lifetime}
	})
}

// TestContract_OfLittle runs the contract for a store that is nothing but a
// Store.
func TestContract_OfLittle(t *testing.T) {
	denylisttest.Run(t, func(*testing.T) denylisttest.Subject {
		return denylisttest.Subject{Store: struct{ denylist.Store }{denylist.NewMemory(denylist.MemoryOptions{})}}
	})
}

// TestContract_OfFaults runs the contract's faults on Memory behind a line
// that breaks.
func TestContract_OfFaults(t *testing.T) {
	denylisttest.Run(t, func(*testing.T) denylisttest.Subject {
		f := &faulty{Memory: denylist.NewMemory(denylist.MemoryOptions{})}
		return denylisttest.Subject{
			Store:     f,
			LoseReply: func() { f.lossy.Store(true) },
			Break:     func() { f.broken.Store(true) },
			Mend:      func() { f.broken.Store(false) },
		}
	})
}
