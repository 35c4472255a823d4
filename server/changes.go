package server

import (
	"log/slog"
	"sync"
)

// changes watches an error that is looked at again and again. The zero changes
// has seen nil.
type changes struct {
	mu   sync.Mutex
	last string
}

// see reports whether err is another one than before.
func (c *changes) see(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := text != c.last
	c.last = text
	return changed
}

// logChange logs once that something has gone bad, and that it is well again.
func (s *Server) logChange(seen *changes, what string, err error) {
	switch {
	case !seen.see(err):
	case err != nil:
		s.log.Error(what+": the last good state stays in force", slog.Any("cause", err))
	default:
		s.log.Info(what + ": well again")
	}
}
