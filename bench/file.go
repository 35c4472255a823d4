package bench

import (
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Errors of result files.
var (
	ErrSchema    = errors.New("bench: not a result file that this version reads")
	ErrCutOff    = errors.New("bench: result file is cut off")
	ErrMalformed = errors.New("bench: result file is malformed")
)

// The kinds of lines. A reader ignores members that it does not know, so that
// a line may come to say more, but refuses other kinds: they could change what
// the rest means, and want another schema.
const (
	kindHeader = "header"
	kindSlice  = "slice"
	kindStages = "stages"
	kindEnd    = "end"
)

type headerLine struct {
	Kind string `json:"kind"`
	Header
}

type sliceLine struct {
	Kind        string                   `json:"kind"`
	Contender   string                   `json:"contender"`
	Concurrency int                      `json:"concurrency"`
	Round       int                      `json:"round"`
	At          time.Duration            `json:"at_ns"`
	Wall        time.Duration            `json:"wall_ns"`
	Operations  int64                    `json:"operations"`
	Errors      map[string]int64         `json:"errors,omitempty"`
	Unbegun     int64                    `json:"unbegun,omitzero"`
	CPU         map[string]time.Duration `json:"cpu_ns,omitempty"`
	Gauges      map[string]float64       `json:"gauges,omitempty"`
	Latency     string                   `json:"latency_ns,omitzero"` // HdrHistogram, V2, compressed, base64
}

type stagesLine struct {
	Kind string `json:"kind"`
	Stages
}

type endLine struct {
	Kind string `json:"kind"`
	End
}

// dialect is how durations stand in result files: whole nanoseconds.
func dialect() json.Options { return jsonv1.FormatDurationAsNano(true) }

// plain makes a foreign string safe to print: no control character reaches a
// terminal, nor one that turns the direction of writing.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func plainMap[V any](m map[string]V, value func(V) V) map[string]V {
	if m == nil {
		return nil
	}
	clean := make(map[string]V, len(m))
	for key, v := range m {
		clean[plain(key)] = value(v)
	}
	return clean
}

func same[V any](v V) V { return v }
