//go:build unix

package scenario

import (
	"os/exec"
	"syscall"
)

// apart keeps signals of the terminal from a process: Ctrl-C is for the run,
// which ends it.
func apart(process *exec.Cmd) { process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
