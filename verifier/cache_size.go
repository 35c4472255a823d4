package verifier

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime/debug"
)

// The sizes of a cache.
const (
	defaultCacheEntries = 1 << 15
	bytesPerEntry       = 2 << 10 // a guess: what CacheBytes allows for
	// minEntryBytes is less than any entry needs.
	minEntryBytes = 512
	// minCacheBytes is room for a token of any size.
	minCacheBytes = 64 << 10
	// digestBytes is what a store may keep beside a prepared token.
	digestBytes = 448
)

// completeCache checks the cache's options and puts the defaults in: each size
// follows from the other.
func (o *Options) completeCache() error {
	switch {
	case o.CacheEntries < 0 || o.CacheBytes < 0:
		return fmt.Errorf("verifier: a cache of %d entries and %d bytes: want more than none, or NoCache", o.CacheEntries, o.CacheBytes)
	case o.NoCache && (o.CacheEntries > 0 || o.CacheBytes > 0):
		return errors.New("verifier: NoCache, and the size of a cache")
	case o.NoCache:
		return nil
	}
	if o.CacheEntries == 0 {
		o.CacheEntries = defaultCacheEntries
		if o.CacheBytes > 0 {
			o.CacheEntries = int(min(o.CacheBytes/bytesPerEntry, defaultCacheEntries))
		}
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = math.MaxInt64
		if int64(o.CacheEntries) < math.MaxInt64/bytesPerEntry {
			o.CacheBytes = max(int64(o.CacheEntries)*bytesPerEntry, minCacheBytes)
		}
	}
	switch available := memory(); {
	case o.CacheBytes < minCacheBytes:
		return fmt.Errorf("verifier: a cache of %d bytes: want at least %d, or NoCache", o.CacheBytes, minCacheBytes)
	case o.CacheBytes > available:
		return fmt.Errorf("verifier: a cache of %d bytes: there are %d bytes of memory", o.CacheBytes, available)
	case int64(o.CacheEntries) > o.CacheBytes/minEntryBytes:
		return fmt.Errorf("verifier: a cache of %d entries: %d bytes hold at most %d", o.CacheEntries, o.CacheBytes, o.CacheBytes/minEntryBytes)
	}
	return nil
}

// memory is how many bytes this process may have: the machine's, or what Go's
// runtime was told.
func memory() int64 {
	limit := debug.SetMemoryLimit(-1) // a negative limit changes nothing
	if physical := physicalMemory(); physical > 0 {
		limit = min(limit, physical)
	}
	return limit
}

// cost is how many bytes an entry keeps alive, about: strings of the claims
// that are no part of their text, because they were escaped, count twice.
func (s *sight) cost() int64 {
	t := s.claims.token.Token()
	n := s.text + digestBytes + len(s.kid) + len(t.ID) + len(t.Session) + len(t.Subject) + len(s.claims.clientID)
	return int64(n) + int64(reflect.TypeFor[sight]().Size())
}
