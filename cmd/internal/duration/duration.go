// Package duration reads durations as settings write them.
package duration

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Day is what d means.
const Day = 24 * time.Hour

// ErrInvalid says what a duration looks like.
var ErrInvalid = errors.New(`want a duration such as 500ms, 15m, 24h, 30d or 1d12h`)

// Parse is time.ParseDuration, with leading days and nothing below 0.
func Parse(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		return parseHours(text)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > uint64(math.MaxInt64/Day) {
		return 0, ErrInvalid
	}
	total := time.Duration(n) * Day
	if rest == "" {
		return total, nil
	}
	more, err := parseHours(rest)
	if err != nil || more > math.MaxInt64-total {
		return 0, ErrInvalid
	}
	return total + more, nil
}

// parseHours refuses what ParseDuration takes beside: a sign.
func parseHours(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		return 0, ErrInvalid
	}
	return d, nil
}

// Format is the inverse of Parse: 30d, 1d12h, 15m.
func Format(d time.Duration) string {
	var b strings.Builder
	if days := d / Day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		d -= days * Day
	}
	switch {
	case d > 0:
		text := d.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		b.WriteString(text)
	case b.Len() == 0:
		return "0"
	}
	return b.String()
}

// Value is a duration as a setting (pflag.Value).
type Value struct {
	To *time.Duration
	// Positive refuses 0, which the libraries would take for their default.
	Positive bool
}

// Type implements pflag.Value.
func (v Value) Type() string { return "duration" }

// String implements pflag.Value.
func (v Value) String() string { return Format(*v.To) }

// Set implements pflag.Value.
func (v Value) Set(text string) error {
	d, err := Parse(text)
	if err != nil {
		return err
	}
	if v.Positive && d == 0 {
		return errors.New("must be longer than 0")
	}
	*v.To = d
	return nil
}
