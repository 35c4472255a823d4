package scenario

import (
	"errors"
	"fmt"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// The classes of errors, beside the bench's own.
const (
	classUnavailable = "denylist_unavailable" // the store could not tell
	classExpired     = "token_expired"        // a token died before the run did
	classTooOften    = "too_often"            // a chain used up its rotations
	classAsked       = "asked_redis"          // the mirror could not tell
	classPanic       = "panic"                // of a rival
)

// classed is an error with the name under which it counts.
type classed struct {
	class string
	error
}

var _ bench.Classed = (*classed)(nil)

// Class implements bench.Classed.
func (c *classed) Class() string { return c.class }
func (c *classed) Unwrap() error { return c.error }

// wrong is an answer that must never be given.
func wrong(format string, args ...any) error {
	return &classed{bench.WrongAnswer, fmt.Errorf("scenario: "+format, args...)}
}

// judge holds an answer against what is known of the token: nil is the right
// answer, be it that the token lives or that it is revoked.
func judge(answer error, revoked bool) error {
	switch {
	case answer == nil && revoked:
		return wrong("a revoked token was accepted")
	case answer == nil:
		return nil
	case errors.Is(answer, denylist.ErrRevoked) && revoked:
		return nil
	}
	return classify(answer)
}

// classify names an error that is no right answer. Whatever is left is a
// refusal of what is good.
func classify(err error) error {
	switch {
	case errors.Is(err, denylist.ErrUnavailable): // a denylist.ErrUnknown too
		return &classed{classUnavailable, err}
	case errors.Is(err, verifier.ErrExpired), errors.Is(err, denylist.ErrExpired):
		return &classed{classExpired, err}
	case errors.Is(err, rotation.ErrTooOften):
		return &classed{classTooOften, err}
	}
	return wrong("a good token was refused: %w", err)
}
