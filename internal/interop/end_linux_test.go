package interop

import "syscall"

// endWithTests ends a program with the test binary, also when that is killed
// and no cleanup runs. Politely: a proxy then ends its workers.
func endWithTests() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
