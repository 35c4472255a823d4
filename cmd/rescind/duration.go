package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var errDuration = errors.New(`want a duration such as 500ms, 15m, 24h, 30d or 1d12h`)

// parseDuration is time.ParseDuration, with leading days and nothing below 0.
func parseDuration(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		return parseHours(text)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > uint64(math.MaxInt64/day) {
		return 0, errDuration
	}
	total := time.Duration(n) * day
	if rest == "" {
		return total, nil
	}
	more, err := parseHours(rest)
	if err != nil || more > math.MaxInt64-total {
		return 0, errDuration
	}
	return total + more, nil
}

// parseHours refuses what ParseDuration takes beside: a sign.
func parseHours(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		return 0, errDuration
	}
	return d, nil
}

// formatDuration is the inverse of parseDuration: 30d, 1d12h, 15m.
func formatDuration(d time.Duration) string {
	var b strings.Builder
	if days := d / day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		d -= days * day
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

// durationValue is a duration as a setting (pflag.Value).
type durationValue struct {
	to *time.Duration
	// positive refuses 0, which the libraries would take for their default.
	positive bool
}

func (v durationValue) Type() string   { return "duration" }
func (v durationValue) String() string { return formatDuration(*v.to) }

func (v durationValue) Set(text string) error {
	d, err := parseDuration(text)
	if err != nil {
		return err
	}
	if v.positive && d == 0 {
		return errors.New("must be longer than 0")
	}
	*v.to = d
	return nil
}
