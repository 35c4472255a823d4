//go:build unix

package lab

import (
	"fmt"
	"os"
	"syscall"
)

// Hang stops the server (SIGSTOP): connections stay open, nothing answers.
func (s *Server) Hang() error { return s.signal(syscall.SIGSTOP) }

// Resume lets a hung server go on (SIGCONT).
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) error {
	if err := s.process.Process.Signal(sig); err != nil {
		return fmt.Errorf("lab: %v: %w", sig, err)
	}
	return nil
}
