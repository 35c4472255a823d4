package scenario

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits until an instant, for one goroutine. A timer of the runtime
// fires up to a millisecond late where nothing else is to be done, because
// epoll counts in milliseconds; one of the kernel is a file like any other.
type waiter struct {
	timer *os.File
	raw   syscall.RawConn

	// Of the goroutine that waits, kept so that a wait allocates nothing.
	arm     func(fd uintptr)
	setting unix.ItimerSpec
	err     error
	room    [8]byte
}

func newWaiter() (*waiter, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	w := &waiter{timer: os.NewFile(uintptr(fd), "timer")}
	if w.raw, err = w.timer.SyscallConn(); err != nil {
		return nil, err
	}
	w.arm = func(fd uintptr) { w.err = unix.TimerfdSettime(int(fd), 0, &w.setting, nil) }
	return w, nil
}

// until returns an error once the waiter is closed.
func (w *waiter) until(t time.Time) error {
	left := time.Until(t)
	if left <= 0 {
		return nil
	}
	w.setting.Value = unix.NsecToTimespec(left.Nanoseconds())
	if err := w.raw.Control(w.arm); err != nil {
		return err
	}
	if w.err != nil {
		return os.NewSyscallError("timerfd_settime", w.err)
	}
	_, err := w.timer.Read(w.room[:]) // how often it fired
	return err
}

// close ends a wait that is under way too.
func (w *waiter) close() error { return w.timer.Close() }
