//go:build !linux

package lab

import "syscall"

// owned can do nothing here: Close ends the servers, and so does Ctrl-C.
func owned() *syscall.SysProcAttr { return nil }
