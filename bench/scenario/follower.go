package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"encoding/json"
)

// follower is another process with a mirror of the run's denylist: the other end
// of the pipes is Follow. It says on a line of its own that it looks out for a
// token, and when it was denied that.
type follower struct {
	process *exec.Cmd
	in      io.WriteCloser
	writing sync.Mutex
	awaited awaited
	ended   chan struct{} // nothing more comes of it
	err     error         // why, then
}

// followed is what a follower is told first. It comes by a pipe: a password has
// no place on a command line.
type followed struct {
	Redis     RedisKnobs
	Prefix    string // the run's
	Delay     time.Duration
	ExpiresAt time.Time // of the tokens
	// MaxShare is that of the run, for as long as the mirror loads, and Background
	// what others use; 0: there is none.
	MaxShare, Background float64
}

// followerPatience is how long a follower may take to begin or to end.
const followerPatience = 30 * time.Second

// startFollower starts a command that calls Follow, and waits until its mirror
// is complete.
func startFollower(ctx context.Context, command []string, of followed) (*follower, error) {
	if len(command) == 0 {
		return nil, fmt.Errorf("%w: propagation is measured with another process: name one that follows", ErrMissing)
	}
	f := &follower{process: exec.Command(command[0], command[1:]...), awaited: awaited{of: map[string]*lookout{}}, ended: make(chan struct{})} // #nosec G204 -- the caller's own program
	apart(f.process)
	var trouble strings.Builder
	f.process.Stderr = &trouble
	out, err := f.process.StdoutPipe()
	if err == nil {
		f.in, err = f.process.StdinPipe()
	}
	if err == nil {
		err = f.process.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("scenario: starting another process: %w", err)
	}
	ready := make(chan struct{})
	go f.listen(out, ready, &trouble)
	first, err := json.Marshal(of)
	if err == nil {
		err = f.say(string(first))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("scenario: telling another process what to follow: %w", err), f.close())
	}
	patience := followerPatience
	if of.MaxShare > 0 { // its mirror waits while it loads
		patience = time.Duration(float64(patience) / of.MaxShare)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ready:
		return f, nil
	case <-f.ended:
		err = f.broken()
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = fmt.Errorf("scenario: another process did not begin within %v", patience)
	}
	return nil, errors.Join(err, f.close())
}

// listen hands on what the follower says, until it ends.
func (f *follower) listen(out io.Reader, ready chan<- struct{}, trouble *strings.Builder) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		id, said, _ := strings.Cut(lines.Text(), " ")
		l, ok := f.awaited.find(id)
		at, err := strconv.ParseInt(said, 10, 64)
		switch {
		case id == followerReady:
			close(ready)
		case !ok: // nobody waits for it any more
		case said == followerLooks:
			l.ready <- struct{}{}
		case err == nil:
			l.denied <- time.Duration(at)
		}
	}
	f.err = errors.Join(lines.Err(), f.process.Wait())
	if text := strings.TrimSpace(trouble.String()); text != "" {
		f.err = errors.Join(f.err, errors.New(text))
	}
	close(f.ended)
}

func (f *follower) say(line string) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	_, err := io.WriteString(f.in, line+"\n")
	return err
}

// lookOut has the follower look out for a token, and returns where it will say
// when it was denied that.
func (f *follower) lookOut(ctx context.Context, id string) (<-chan time.Duration, error) {
	l := f.awaited.add(id)
	err := f.say(id)
	if err != nil {
		f.forget(id)
		return nil, &classed{classConnection, err}
	}
	select {
	case <-l.ready:
		return l.denied, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-f.ended:
		err = f.broken()
	}
	f.forget(id)
	return nil, err
}

func (f *follower) forget(id string) { f.awaited.remove(id) }

// broken is why a follower says nothing more.
func (f *follower) broken() error {
	return &classed{classConnection, fmt.Errorf("scenario: the other process has ended: %w", errors.Join(f.err, io.ErrUnexpectedEOF))}
}

// close ends the follower, whose input ends, and waits for that.
func (f *follower) close() error {
	_ = f.in.Close() // it may have ended
	late := time.NewTimer(followerPatience)
	defer late.Stop()
	select {
	case <-f.ended:
	case <-late.C:
		_ = f.process.Process.Kill()
		<-f.ended
	}
	if f.err != nil {
		return fmt.Errorf("scenario: the other process: %w", f.err)
	}
	return nil
}
