package denylist

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Trial is somebody's attempt to log in.
type Trial struct {
	Issuer  string
	Account string // the name that was given, whether or not there is such a user
	Address string // where it came from; empty: not known
	Limits  Limits
}

// MaxLimit is the largest limit of failed logins.
const MaxLimit = 1_000_000

// Limits are how many failures have no consequence. Beyond them there is one
// attempt per wait, which doubles from a second to 15 minutes. 0: not counted.
type Limits struct {
	Account int // of an account; one is forgiven every 15 minutes
	Address int // of an address; one is forgiven every 36 seconds, a hundred an hour
}

// Throttle is a store that counts failed logins, for a whole fleet. Memory and
// Redis are Throttles. Its methods are safe for concurrent use.
//
// Nobody can lock a user out for good. An address from which an account was
// logged into in the last 30 days has a count of its own for that account, as
// large as the account's and untouched by failures elsewhere.
type Throttle interface {
	// Try counts an attempt as a failure of its account and of its address, in
	// one step and before anybody looks at the password: so the limits hold
	// for attempts that run at once, too. A [*ThrottledError] is an attempt
	// that has to wait; it counts for nothing. An error that is none means that
	// the store cannot tell.
	Try(ctx context.Context, t Trial) error
	// Admit says that the password was right: it forgets the failures that the
	// attempt was counted among, takes the attempt off its address's, and
	// remembers that the account is at home there.
	Admit(ctx context.Context, t Trial) error
	// Excuse takes back what Try counted: nobody looked at the password.
	Excuse(ctx context.Context, t Trial) error
}

var (
	_ Throttle = (*Memory)(nil)
	_ Throttle = (*Redis)(nil)
	_ Throttle = (*Mirror)(nil) // which has Redis count
)

// ErrThrottled: too many logins have failed. The error is a [*ThrottledError].
var ErrThrottled = errors.New("denylist: too many failed logins")

// ThrottledError says how long to wait. It wraps [ErrThrottled].
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string { return fmt.Sprintf("%v: wait %v", ErrThrottled, e.Wait) }

// Unwrap returns [ErrThrottled].
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// How failures are forgiven and punished, in milliseconds.
const (
	accountDrain = 15 * 60 * 1000 // until one failure of an account is forgiven
	addressDrain = 36 * 1000      // of an address
	firstWait    = 1000
	longestWait  = 15 * 60 * 1000
	homeLife     = 30 * 24 * 60 * 60 * 1000 // since the last good login there
	// steps is how many failures beyond a limit count: more would not wait longer.
	steps = 10
)

// failures is a count that drains at an even pace.
type failures struct {
	empty int64 // when all of it will be forgiven, in milliseconds
	last  int64 // when the last one was counted
}

// at is the count with what was forgiven until now taken off. A clock that was
// put back makes nobody wait longer than the limit does.
func (f failures) at(now int64, limit, drain int) failures {
	return failures{empty: min(max(f.empty, now), now+int64(limit+steps)*int64(drain)), last: f.last}
}

// wait is how long the next attempt has to wait.
func (f failures) wait(now int64, limit, drain int) int64 {
	if limit == 0 {
		return 0
	}
	f = f.at(now, limit, drain)
	n := int((f.empty - now + int64(drain) - 1) / int64(drain))
	if n < limit {
		return 0
	}
	pause := min(int64(firstWait)<<min(n-limit, steps), longestWait)
	return min(max(f.last+pause-now, 0), longestWait)
}

// more is the count with another failure.
func (f failures) more(now int64, limit, drain int) failures {
	f = f.at(now, limit, drain)
	return failures{empty: f.empty + int64(drain), last: now}.at(now, limit, drain)
}

// fewer is the count with one failure less.
func (f failures) fewer(drain int) failures {
	return failures{empty: f.empty - int64(drain), last: f.last}
}

func (t Trial) validate() error {
	for _, limit := range []int{t.Limits.Account, t.Limits.Address} {
		if limit < 0 || limit > MaxLimit {
			return fmt.Errorf("%w: limit of %d failed logins: want 0 to %d", ErrInvalid, limit, MaxLimit)
		}
	}
	if t.Issuer == "" {
		return fmt.Errorf("%w: a login without its issuer", ErrInvalid)
	}
	return nil
}

// trialNames are what counts are found by: digests, as of entries. A name and
// an address are easily guessed by whoever reads them: they hide from a glance,
// not from a search.
type trialNames struct{ account, home, address string }

func (t Trial) names() trialNames {
	issuer := sha256.Sum256([]byte(t.Issuer))
	n := trialNames{account: "l:a:" + digestUnder(issuer, t.Account)}
	if t.Address != "" {
		// The address comes last and has no zero byte: no two pairs are one.
		n.home = "l:h:" + digestUnder(issuer, t.Account+"\x00"+t.Address)
		n.address = "l:p:" + digestUnder(issuer, t.Address)
	}
	return n
}

// throttled is the error of an attempt that has to wait so many milliseconds.
func throttled(ms int64) error {
	return &ThrottledError{Wait: time.Duration(ms) * time.Millisecond}
}
