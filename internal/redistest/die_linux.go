package redistest

import "syscall"

// dieWithParent ends a server with the test binary that started it, also when
// that is killed and no cleanup runs.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
