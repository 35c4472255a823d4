package verifier

import (
	"context"
	"errors"
	"time"
)

// Generation is one state of a key set that changes. While a set returns the
// same one, and until its end, every Key returns what it has returned.
type Generation struct {
	// Until is when the set changes by itself: a key's time is over. Zero:
	// never.
	Until time.Time
}

// over reports whether the set may have changed by itself.
func (g *Generation) over(now time.Time) bool {
	return !g.Until.IsZero() && !now.Before(g.Until)
}

// Versioned is a KeySet that can say at once that it has not changed. It is
// asked whenever a token is seen again, so it should be no more than an atomic
// load: of any other set but [Keys], which never changes, the key itself is
// asked for.
type Versioned interface {
	KeySet
	// Generation returns the present state: another pointer than ever before
	// once any Key may return something else, because a key was added,
	// replaced or retired. A set whose Generation is over goes on returning it
	// or another, as it likes. nil: it cannot tell.
	Generation() *Generation
}

// generation is the present state of the issuer's keys, where they can say.
func (i *issuer) generation() *Generation {
	if i.versioned == nil {
		return nil
	}
	return i.versioned.Generation()
}

// has asks for a key again. gone: it is no longer what verified a token.
// Where the key set cannot tell, it is neither there nor gone.
func (i *issuer) has(ctx context.Context, kid string, key Key) (has, gone bool) {
	now, err := i.keys.Key(ctx, kid)
	if err != nil {
		return false, errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrKeyWithdrawn)
	}
	return now == key, now != key
}
