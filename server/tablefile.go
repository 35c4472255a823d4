package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lockSuffix makes the name of the file that is the lock of another.
const lockSuffix = ".lock"

// errUnchanged ends an update that has found nothing to change.
var errUnchanged = errors.New("server: nothing to change")

// tableFile is a file and the table that is read from it: of users, or of
// clients. It is read again when it changes; a bad one leaves the old in force.
// It is safe for concurrent use, by several processes too.
type tableFile[T any] struct {
	path  string // empty: kept in memory only
	is    error  // what its errors wrap
	limit int    // in bytes
	parse func(data []byte) (*T, error)

	// writing is held by the one who changes the file. He may wait, for the lock
	// and for the disk; who only asks never waits for him.
	writing sync.Mutex

	mu      sync.Mutex
	table   *T        // replaced, never changed
	existed bool      // there has been a file
	read    fileStamp // of the file that table, or readErr, came from
	readErr error
}

// current is the table in force, read again where the file has changed.
func (f *tableFile[T]) current() *T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path != "" {
		f.reload()
	}
	return f.table
}

// health is what is wrong with the file, as far as anybody has looked.
func (f *tableFile[T]) health() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readErr
}

// reload reads the file if it is not the one that was read last. A bad one
// leaves the table as it is, and is not read twice.
func (f *tableFile[T]) reload() {
	now, err := stampOf(f.path)
	if err == nil && now.same(f.read) {
		return
	}
	table, stamp, err := f.load()
	if f.existed = f.existed || !stamp.zero(); !f.existed && errors.Is(err, fs.ErrNotExist) {
		return // empty so far
	}
	if f.readErr, f.read = err, stamp; err == nil {
		f.table = table
	}
}

// load reads the file, and the stamp of what it read.
func (f *tableFile[T]) load() (*T, fileStamp, error) {
	opened, err := openFile(f.path)
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", f.is, err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", f.is, err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 { // anybody could be anybody
		return nil, fileStamp{}, fmt.Errorf("%w: %s has mode %04o, others can write to it: chmod 600", f.is, f.path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(opened, int64(f.limit)+1))
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", f.is, err)
	}
	table, err := f.tableOf(data)
	return table, fileStamp{info}, err
}

// tableOf is the table of a file's content, if that is not too large.
func (f *tableFile[T]) tableOf(data []byte) (*T, error) {
	if len(data) > f.limit {
		return nil, fmt.Errorf("%w: over %d bytes", f.is, f.limit)
	}
	return f.parse(data)
}

// update changes the file, atomically and under a lock that other processes
// heed, from what it holds at that moment. change returns what it is to hold. A
// bad file is not written over, and no bad file is written.
func (f *tableFile[T]) update(change func(*T) ([]byte, error)) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	err := f.change(change)
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

func (f *tableFile[T]) change(change func(*T) ([]byte, error)) error {
	if f.path == "" {
		next, _, err := f.changed(f.current(), change)
		if err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.table = next
		return nil
	}
	unlock, err := lockFile(f.path+lockSuffix, lockWait)
	if err != nil {
		return fmt.Errorf("%w: %w", f.is, err)
	}
	defer unlock()
	table, _, err := f.load()
	if errors.Is(err, fs.ErrNotExist) {
		table, err = f.parse([]byte("{}"))
	}
	if err != nil {
		return err
	}
	_, data, err := f.changed(table, change)
	if err != nil {
		return err
	}
	if err := replaceFile(f.path, data); err != nil {
		return fmt.Errorf("%w: %w", f.is, err)
	}
	f.current() // from here on the process knows it, or who asks for health does
	return nil
}

// changed is the table after a change, and the file that holds it.
func (f *tableFile[T]) changed(table *T, change func(*T) ([]byte, error)) (*T, []byte, error) {
	data, err := change(table)
	if err != nil {
		return nil, nil, err
	}
	next, err := f.tableOf(data)
	return next, data, err
}

// rewritten changes a copy of the records of a table, and returns the file that
// holds them: one JSON object, which wrap makes of them.
func rewritten[R any](records []R, change func([]R) ([]R, error), wrap func([]R) any) ([]byte, error) {
	records, err := change(slices.Clone(records))
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(wrap(records), jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("server: writing records: %w", err)
	}
	return append(data, '\n'), nil
}

// openFile opens a file for reading, and nothing that only looks like one:
// opening a pipe waits for its writer, and all requests would wait with it.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// replaceFile writes a file so that a reader, and a machine that loses its
// power, sees the old content or the new, and nothing between. A new file has
// mode 0600; one that is replaced keeps its owner, its group and its mode, or a
// server under an account of its own could not read what root has changed, and
// would go by what it read before. A symbolic link stays one.
func replaceFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is none
	err = belongLike(f, path)
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// belongLike gives a file the owner, the group and the mode of another, if
// there is one.
func belongLike(f *os.File, path string) error {
	old, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := chownLike(f, old); err != nil {
		return fmt.Errorf("%s would not stay its owner's: %w", path, err)
	}
	return f.Chmod(old.Mode().Perm())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
