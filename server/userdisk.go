package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// current is the table in force, read again where the file has changed.
func (u *Users) current() *userTable {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.path != "" {
		u.reload()
	}
	return u.table
}

// reload reads the file if it is not the one that was read last. A bad one
// leaves the table as it is, and is not read twice.
func (u *Users) reload() {
	now, err := stampOf(u.path)
	if err == nil && now.same(u.read) {
		return
	}
	table, stamp, err := readUsers(u.path)
	if u.existed = u.existed || !stamp.zero(); !u.existed && errors.Is(err, fs.ErrNotExist) {
		return // empty so far
	}
	if u.readErr, u.read = err, stamp; err == nil {
		u.table = table
	}
}

// readUsers reads a users file, and the stamp of what it read.
func readUsers(path string) (*userTable, fileStamp, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 { // anybody could log in as anybody
		return nil, fileStamp{}, fmt.Errorf("%w: %s has mode %04o, others can write to it: chmod 600", ErrUsersFile, path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxUsersFile+1))
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	table, err := parseUsers(data)
	return table, fileStamp{info}, err
}

// openFile opens a file for reading, and nothing that only looks like one:
// opening a pipe waits for its writer, and all logins would wait with it.
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

// update changes the file, atomically and under a lock that other processes
// heed, from what it holds at that moment. A bad file is not written over.
func (u *Users) update(change func([]userRecord) ([]userRecord, error)) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.path == "" {
		table, _, err := changed(u.table, change)
		if err == nil {
			u.table = table
		}
		return err
	}
	unlock, err := lockFile(u.path+".lock", lockWait)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	defer unlock()
	table, _, err := readUsers(u.path)
	if errors.Is(err, fs.ErrNotExist) {
		table, err = newUserTable(nil), nil
	}
	if err != nil {
		return err
	}
	table, data, err := changed(table, change)
	if err != nil {
		return err
	}
	if err := replaceFile(u.path, data); err != nil {
		return fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	u.table, u.readErr = table, nil
	u.existed = true
	u.read, _ = stampOf(u.path) // on failure the next login reads it again
	return nil
}

// changed applies a change to a copy of a table and returns the file that
// holds it.
func changed(t *userTable, change func([]userRecord) ([]userRecord, error)) (*userTable, []byte, error) {
	records, err := change(slices.Clone(t.records))
	if err != nil {
		return nil, nil, err
	}
	if records == nil {
		records = []userRecord{}
	}
	data, err := json.Marshal(usersFile{Users: records}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: writing: %w", ErrUsersFile, err)
	}
	next, err := parseUsers(data)
	return next, append(data, '\n'), err
}

// replaceFile writes a file of mode 0600 so that a reader, and a machine that
// loses its power, sees the old content or the new, and nothing between. A
// symbolic link stays one.
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
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
