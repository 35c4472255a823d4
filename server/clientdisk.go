package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// errUnchanged ends an update that has found nothing to change.
var errUnchanged = errors.New("server: nothing to change")

// current is the table in force, read again where the file has changed.
func (c *Clients) current() *clientTable {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path != "" {
		c.reload()
	}
	return c.table
}

// reload reads the file if it is not the one that was read last. A bad one
// leaves the table as it is, and is not read twice.
func (c *Clients) reload() {
	now, err := stampOf(c.path)
	if err == nil && now.same(c.read) {
		return
	}
	table, stamp, err := readClients(c.path)
	if c.existed = c.existed || !stamp.zero(); !c.existed && errors.Is(err, fs.ErrNotExist) {
		return // empty so far
	}
	if c.readErr, c.read = err, stamp; err == nil {
		c.table = table
	}
}

// readClients reads a clients file, and the stamp of what it read.
func readClients(path string) (*clientTable, fileStamp, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrClientsFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrClientsFile, err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 { // anybody could make a client of theirs
		return nil, fileStamp{}, fmt.Errorf("%w: %s has mode %04o, others can write to it: chmod 600", ErrClientsFile, path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxClientsFile+1))
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrClientsFile, err)
	}
	table, err := parseClients(data)
	return table, fileStamp{info}, err
}

// update changes the file, atomically and under a lock that other processes
// heed, from what it holds at that moment. A bad file is not written over.
func (c *Clients) update(change func([]clientRecord) ([]clientRecord, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" {
		table, _, err := changedClients(c.table, change)
		if err == nil {
			c.table = table
		}
		return withoutUnchanged(err)
	}
	unlock, err := lockFile(c.path+".lock", lockWait)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClientsFile, err)
	}
	defer unlock()
	table, _, err := readClients(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		table, err = newClientTable(nil), nil
	}
	if err != nil {
		return err
	}
	table, data, err := changedClients(table, change)
	if err != nil {
		return withoutUnchanged(err)
	}
	if err := replaceFile(c.path, data); err != nil {
		return fmt.Errorf("%w: %w", ErrClientsFile, err)
	}
	c.table, c.readErr = table, nil
	c.existed = true
	c.read, _ = stampOf(c.path) // on failure the next request reads it again
	return nil
}

func withoutUnchanged(err error) error {
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// changedClients applies a change to a copy of a table and returns the file
// that holds it.
func changedClients(t *clientTable, change func([]clientRecord) ([]clientRecord, error)) (*clientTable, []byte, error) {
	records, err := change(slices.Clone(t.records))
	if err != nil {
		return nil, nil, err
	}
	if records == nil {
		records = []clientRecord{}
	}
	data, err := json.Marshal(clientsFile{Clients: records}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: writing: %w", ErrClientsFile, err)
	}
	next, err := parseClients(data)
	return next, append(data, '\n'), err
}
