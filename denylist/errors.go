package denylist

import (
	"errors"
	"fmt"
)

// The errors that a caller branches on.
var (
	// ErrRevoked: something denies the token. The error is a [*RevokedError].
	ErrRevoked = errors.New("denylist: revoked")
	// ErrReused: the token has been exchanged already, and this is not a
	// retry that may have its answer again (R11).
	ErrReused = errors.New("denylist: token already exchanged")
	// ErrExpired: the token has expired on the store's clock (R7).
	ErrExpired = errors.New("denylist: token expired")
	// ErrUnavailable: the store cannot tell (R14).
	ErrUnavailable = errors.New("denylist: cannot tell")
	// ErrUnknown: a write's outcome is not known; repeating it is safe. Such
	// an error wraps ErrUnavailable too.
	ErrUnknown = fmt.Errorf("denylist: outcome unknown: %w", ErrUnavailable)
	// ErrInvalid: the question or the entry itself is wrong.
	ErrInvalid = errors.New("denylist: invalid")
	// ErrNotFound: no such entry.
	ErrNotFound = errors.New("denylist: not found")
	// ErrSpent: the entry says that the token was exchanged, which no
	// operator can take back.
	ErrSpent = errors.New("denylist: spent")
	// ErrUnfit: this Redis, or its settings, cannot keep a denylist (R17).
	ErrUnfit = errors.New("denylist: redis is unfit")
)

// RevokedError says what denies a token. It wraps [ErrRevoked].
type RevokedError struct{ Entry Entry }

func (e *RevokedError) Error() string {
	if e.Entry.Revoked == nil && e.Entry.Rotated != nil {
		return "denylist: revoked: the token was exchanged"
	}
	return fmt.Sprintf("denylist: revoked by a %v entry", e.Entry.Scope)
}

// Unwrap returns [ErrRevoked].
func (e *RevokedError) Unwrap() error { return ErrRevoked }
