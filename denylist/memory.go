package denylist

import "time"

// MemoryOptions are the settings of a [Memory]. The zero value is safe.
type MemoryOptions struct {
	SkewMargin time.Duration    // default 60 s
	Lifetime   time.Duration    // of tokens whose exp is not known; default 90 days
	Now        func() time.Time // default time.Now
}

// Memory is a store for one process: it forgets everything at its end.
type Memory struct{}

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory { panic("skeleton") }
