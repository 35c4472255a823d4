package rotation

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keyDir is the directory of a ring: the file, and what writers lock.
type keyDir struct{ path string }

func (d *keyDir) file() string { return filepath.Join(d.path, "keys.json") }
func (d *keyDir) next() string { return filepath.Join(d.path, "keys.json.next") }
func (d *keyDir) gate() string { return filepath.Join(d.path, "lock") }

// fileStamp tells one version of the file from the next: each is a file of its
// own. The zero stamp is that of no file.
type fileStamp struct {
	inode    uint64
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func stampOf(info fs.FileInfo) fileStamp {
	return fileStamp{inode: inode(info), size: info.Size(), mode: info.Mode(), modified: info.ModTime()}
}

// stat is the stamp of the file as it is now.
func (d *keyDir) stat() (fileStamp, error) {
	info, err := os.Stat(d.file())
	if errors.Is(err, fs.ErrNotExist) {
		return fileStamp{}, nil
	}
	if err != nil {
		return fileStamp{}, fmt.Errorf("rotation: reading keys: %w", err)
	}
	return stampOf(info), nil
}

// read returns the file, if nobody but its owner can read or replace it.
func (d *keyDir) read() ([]byte, fileStamp, error) {
	// In a sticky directory others may add files, but not replace ours.
	if err := d.guarded(fs.ModeSticky); err != nil {
		return nil, fileStamp{}, fmt.Errorf("rotation: reading keys: %w", err)
	}
	f, err := os.OpenFile(d.file(), os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("rotation: reading keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fileStamp{}, fmt.Errorf("rotation: reading keys: %w", err)
	case !info.Mode().IsRegular():
		return nil, fileStamp{}, fmt.Errorf("%w: %s is not a regular file", ErrKeyFile, d.file())
	case info.Mode().Perm()&0o077 != 0:
		return nil, fileStamp{}, fmt.Errorf("%w: %s has mode %04o, others can read private keys: chmod 600",
			ErrKeyFile, d.file(), info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("rotation: reading keys: %w", err)
	}
	return data, stampOf(info), nil
}

// write replaces the file in one step, which a crash either finishes or never
// began. The caller holds the lock.
func (d *keyDir) write(data []byte) (fileStamp, error) {
	stamp, err := d.writeNext(data)
	if err != nil {
		return fileStamp{}, fmt.Errorf("rotation: writing keys: %w", err)
	}
	if err := os.Rename(d.next(), d.file()); err != nil {
		return fileStamp{}, fmt.Errorf("rotation: writing keys: %w", err)
	}
	// Without this the new name might not survive a power cut (fsync(2)).
	if err := syncDir(d.path); err != nil {
		return fileStamp{}, fmt.Errorf("rotation: writing keys: %w", err)
	}
	return stamp, nil
}

// writeNext writes the file under another name, to the disk.
func (d *keyDir) writeNext(data []byte) (fileStamp, error) {
	// One that an earlier crash left behind would keep its mode.
	if err := os.Remove(d.next()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileStamp{}, err
	}
	f, err := os.OpenFile(d.next(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fileStamp{}, err
	}
	// What root has changed, a server under an account of its own must be able to
	// read: it would go on with a key that was withdrawn.
	if err = ownLike(f, d.file()); err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return fileStamp{}, err
	}
	return stampOf(info), nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// guarded refuses a directory that others can write to, unless it has a mode
// that makes up for it: whoever can replace the file can sign as the issuer.
func (d *keyDir) guarded(unless fs.FileMode) error {
	info, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&unless == 0 {
		return fmt.Errorf("%w: %s has mode %04o, others can replace its files: chmod 700",
			ErrKeyFile, d.path, info.Mode().Perm())
	}
	return nil
}

// lock makes this process the only one that changes the ring, until unlock or
// its own end. It makes the directory.
func (d *keyDir) lock() (unlock func(), err error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, fmt.Errorf("rotation: locking keys: %w", err)
	}
	if err := d.guarded(0); err != nil {
		return nil, fmt.Errorf("rotation: locking keys: %w", err)
	}
	gate, err := os.OpenFile(d.gate(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("rotation: locking keys: %w", err)
	}
	if err := flock(gate); err != nil {
		return nil, errors.Join(fmt.Errorf("rotation: locking keys: %w", err), gate.Close())
	}
	return func() { gate.Close() }, nil // closing it gives the lock back
}
