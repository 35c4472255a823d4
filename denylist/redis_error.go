package denylist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// errSettings: another denylist's settings are on record.
var errSettings = fmt.Errorf("%w: settings unlike those on record", ErrUnfit)

// unavailable is the error of a question that could not be answered, or of a
// write that certainly wrote nothing.
func unavailable(doing string, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}

// writeError is the error of a write that failed. Only where Redis certainly
// wrote nothing does it not wrap ErrUnknown.
func (r *Redis) writeError(doing string, err error) error {
	if r.wroteNothing(err) {
		return unavailable(doing, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnknown, doing, err)
}

// wroteNothing reports whether a script that failed with err certainly wrote
// nothing: it refused before its first write, or was never begun.
func (r *Redis) wroteNothing(err error) bool {
	if errors.Is(err, errForeign) || errors.Is(err, errSettings) {
		return true
	}
	// A client that may have tried before shows the last try's error only.
	return r.once && (refusedByRedis(err) || neverSent(err))
}

// refusedByRedis reports whether Redis answered that it would not begin a
// script, or whether its first commands, which only read, failed.
func refusedByRedis(err error) bool {
	var answered redis.Error
	if !errors.As(err, &answered) {
		return false
	}
	for _, code := range []string{
		"OOM", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN", "LOADING", "BUSY", "NOSCRIPT", "WRONGTYPE",
		"NOAUTH", "WRONGPASS", "NOPERM", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT",
		"ERR max number of clients reached",
		"ERR AUTH",           // a password, where none is set
		"ERR Protocol error", // more arguments than one may send before AUTH
	} {
		if strings.HasPrefix(answered.Error(), code) {
			return true
		}
	}
	return false
}

// neverSent reports whether a command did not get as far as a connection.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" ||
		errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) || errors.Is(err, redis.ErrClosed)
}

// because adds why a context ended to an error of go-redis, which may show
// only the socket's time-out.
func because(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
