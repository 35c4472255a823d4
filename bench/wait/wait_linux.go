package wait

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kernelWaiter waits by a timer of the kernel, whose file the runtime polls
// like a socket. It wakes tens of microseconds late where a timer of the
// runtime wakes most of a millisecond late, and unlike a sleep in the kernel it
// holds no thread and can be interrupted.
type kernelWaiter struct {
	fd     int
	file   *os.File
	spec   unix.ItimerSpec
	buffer [8]byte // how often the timer has expired
}

var _ Waiter = (*kernelWaiter)(nil)

// New returns the most precise waiter that there is: what the runtime offers,
// where the kernel refuses because too many files are open, or because a
// sandbox forbids it.
func New() Waiter {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return NewTimer()
	}
	w := &kernelWaiter{fd: fd, file: os.NewFile(uintptr(fd), "timer")}
	if w.file.SetReadDeadline(time.Time{}) != nil { // it cannot be polled
		w.Close()
		return NewTimer()
	}
	return w
}

func (w *kernelWaiter) Wait(d time.Duration) bool {
	w.spec.Value = unix.NsecToTimespec(max(int64(d), 1)) // zero would disarm it
	if unix.TimerfdSettime(w.fd, 0, &w.spec, nil) != nil {
		return false
	}
	_, err := w.file.Read(w.buffer[:])
	return err == nil
}

// Interrupt sets a deadline that has passed, which outlasts the wait.
func (w *kernelWaiter) Interrupt() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }

func (w *kernelWaiter) Close() { _ = w.file.Close() }
