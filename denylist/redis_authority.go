package denylist

import (
	"sync/atomic"
	"time"
)

const (
	// proofLife is how long concurrent checks rely on one proof that Redis would
	// accept a write.
	proofLife = 20 * time.Millisecond
	// proofYoung is when the first of them renews it, so that the others need
	// not wait for Redis's answer.
	proofYoung = proofLife / 10
)

// authority decides which reads prove, by a write that changes nothing, that
// Redis would accept a revocation. A caller who is alone always proves it, so
// nothing is known less well for sharing; callers at once share the proof that
// one of them has renewed: proving it each time would cost as much again as
// reading.
type authority struct {
	start  time.Time
	flying atomic.Int64 // reads under way
	proofs []proof      // by partition
}

// proof is when one partition was last known to accept writes, in nanoseconds
// since the authority's start; 0: never, or no longer.
type proof struct {
	sent    atomic.Int64 // when the proof was asked for
	claimed atomic.Int64 // when somebody last set out to renew it
}

func newAuthority(partitions int) *authority {
	return &authority{start: time.Now(), proofs: make([]proof, partitions)}
}

// enter begins a read and returns how many there are now.
func (a *authority) enter() (company int64) { return a.flying.Add(1) }

// now is on the monotonic clock, in nanoseconds since the start; never 0.
func (a *authority) now() int64 { return int64(time.Since(a.start)) + 1 }

func (a *authority) leave() { a.flying.Add(-1) }

// due reports whether a read that begins at sent has to prove that partition p
// accepts writes.
func (a *authority) due(p int, sent int64) bool {
	last := a.proofs[p].sent.Load()
	if last == 0 || sent-last > int64(proofLife) || a.flying.Load() == 1 {
		return true
	}
	if sent-last < int64(proofYoung) {
		return false
	}
	claimed := a.proofs[p].claimed.Load()
	return sent-claimed > int64(proofYoung) && a.proofs[p].claimed.CompareAndSwap(claimed, sent)
}

// proved notes that partition p accepted the write of a read that began at
// sent.
func (a *authority) proved(p int, sent int64) {
	for {
		last := a.proofs[p].sent.Load()
		if last >= sent || a.proofs[p].sent.CompareAndSwap(last, sent) {
			return
		}
	}
}

// doubted notes that partition p did not: every read proves it again.
func (a *authority) doubted(p int) { a.proofs[p].sent.Store(0) }
