//go:build !unix

package lab

import (
	"errors"
	"fmt"
)

// Hang cannot be had here.
func (s *Server) Hang() error { return fmt.Errorf("lab: hanging a server: %w", errors.ErrUnsupported) }

// Resume cannot be had here.
func (s *Server) Resume() error {
	return fmt.Errorf("lab: resuming a server: %w", errors.ErrUnsupported)
}
