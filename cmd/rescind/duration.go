package main

import (
	"time"

	"github.com/rescindhq/rescind/cmd/internal/duration"
)

const day = duration.Day

// durationValue is a duration as a setting.
type durationValue = duration.Value

func parseDuration(text string) (time.Duration, error) { return duration.Parse(text) }

// formatDuration is the inverse of parseDuration: 30d, 1d12h, 15m.
func formatDuration(d time.Duration) string { return duration.Format(d) }
