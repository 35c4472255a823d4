package lab

import "syscall"

// owned ends a server with the process that started it, also when that is
// killed and closes nothing. Ctrl-C is for that process, not for the server.
func owned() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
