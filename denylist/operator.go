package denylist

import (
	"context"
	"time"
)

// Operator is what a store offers to the people who run it, beside [Store].
// Find it by type assertion; Memory and Redis have it.
type Operator interface {
	// Get returns one entry, or an error wrapping ErrNotFound.
	Get(ctx context.Context, scope Scope, issuer, id string) (Entry, error)
	// List returns live entries, the next to expire first.
	List(ctx context.Context, q Query) (Page, error)
	// Counts returns the number of live entries.
	Counts(ctx context.Context) (Counts, error)
	// Reinstate removes the revoked half of an entry and returns what is left
	// of it: the zero Entry, or its rotated half, which nothing takes back.
	// ErrNotFound: there is no entry. ErrSpent: there is no revoked half.
	Reinstate(ctx context.Context, scope Scope, issuer, id string) (Entry, error)
}

// Query selects entries for [Operator.List]. The zero Query lists the first
// page of all.
type Query struct {
	Scope  Scope  // 0: every scope
	Cursor string // from the page before
	Limit  int    // entries a page: 0 is 100, at most 1000
}

// Page is one page of a list. Entries that are written, merged or forgotten
// while a list is read may be missed or seen twice; all others appear once.
type Page struct {
	Entries []Entry
	Next    string // the next page's cursor; empty at the end
}

// Counts is how many entries a store holds.
type Counts struct {
	Token, Session, Subject, Issuer int64
}

// Total is the sum over all scopes.
func (c Counts) Total() int64 { return c.Token + c.Session + c.Subject + c.Issuer }

// Inspector is a store that can tell whether its server is fit to keep a
// denylist (R17).
type Inspector interface {
	// Inspect returns what it found; an error that wraps ErrUnfit says what
	// is wrong and how to mend it, any other that it cannot tell.
	Inspect(ctx context.Context) (Inspection, error)
}

// Inspection is what Inspect found.
type Inspection struct {
	Servers      []ServerInfo  // each master
	Epoch        string        // made with the denylist; another one means that it was lost
	Seq          uint64        // changes since then, over all partitions
	Spends       uint64        // exchanges since then, over all partitions
	Partitions   int           // 1 or 16
	MaxLeeway    time.Duration // fleet settings on record
	SkewMargin   time.Duration
	MaxStaleness time.Duration
}

// ServerInfo describes one Redis server.
type ServerInfo struct {
	Addr        string
	Product     string // "redis" or "valkey"
	Version     string
	Role        string
	Eviction    string        // maxmemory-policy
	UsedMemory  int64         // bytes
	MaxMemory   int64         // bytes; 0: no limit
	EvictedKeys int64         // since the server started
	ClockOffset time.Duration // its clock minus ours
}
