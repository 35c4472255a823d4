//go:build !linux

package interop

import "syscall"

// endWithTests can do nothing here: t.Cleanup ends the programs.
func endWithTests() *syscall.SysProcAttr { return nil }
