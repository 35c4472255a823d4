//go:build !linux

package redistest

import "syscall"

// dieWithParent can do nothing here: t.Cleanup ends the servers.
func dieWithParent() *syscall.SysProcAttr { return nil }
