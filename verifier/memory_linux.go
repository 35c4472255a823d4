package verifier

import "syscall"

// physicalMemory is the machine's, in bytes; 0 where it cannot be told.
func physicalMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
