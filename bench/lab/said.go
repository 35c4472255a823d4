package lab

import (
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
)

const (
	// saidBytes is how much of what a process says last is kept, and saidLines how
	// much of that is told.
	saidBytes = 4 << 10
	saidLines = 6
	lineRunes = 200
)

// lastSaid is the end of what a process writes (io.Writer), however much that is.
// It may be used by several goroutines.
type lastSaid struct {
	mu  sync.Mutex
	end []byte
}

var _ io.Writer = (*lastSaid)(nil)

func (s *lastSaid) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = append(s.end, p...)
	if more := len(s.end) - saidBytes; more > 0 {
		s.end = append(s.end[:0], s.end[more:]...)
	}
	return len(p), nil
}

func (s *lastSaid) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.end)
}

// endOf is the end of a file; empty where it cannot be read.
func endOf(path string) string {
	f, err := os.Open(path) // #nosec G304 -- of a server of our own
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > saidBytes {
		_, _ = f.Seek(-saidBytes, io.SeekEnd) // else its beginning is read
	}
	text, _ := io.ReadAll(io.LimitReader(f, saidBytes))
	return string(text)
}

// told is the last lines of a text that say something, on one line, and without
// what would drive a terminal.
func told(texts ...string) string {
	var lines []string
	for _, text := range texts {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(line, "?")))
			if strings.ContainsFunc(line, unicode.IsLetter) {
				lines = append(lines, shortened(line))
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-saidLines):], "; ")
}

func printable(r rune) rune {
	if unicode.IsPrint(r) || r == '\t' {
		return r
	}
	return ' '
}

func shortened(line string) string {
	if runes := []rune(line); len(runes) > lineRunes {
		return string(runes[:lineRunes]) + "…"
	}
	return line
}
