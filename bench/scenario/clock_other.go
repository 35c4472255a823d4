//go:build !linux

package scenario

import "time"

// sharedNow reads a clock that all processes of this machine share. Whoever
// sets it while something is measured spoils that.
func sharedNow() time.Duration { return time.Duration(time.Now().UnixNano()) }
