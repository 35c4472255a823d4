package server

import "os"

// fileStamp tells whether a file is still the one that was read: the same
// inode, size and time of change. The zero stamp is of no file.
type fileStamp struct{ info os.FileInfo }

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info}, nil
}

func (s fileStamp) zero() bool { return s.info == nil }

func (s fileStamp) same(t fileStamp) bool {
	if s.zero() || t.zero() {
		return s.zero() && t.zero()
	}
	return os.SameFile(s.info, t.info) && s.info.Size() == t.info.Size() && s.info.ModTime().Equal(t.info.ModTime())
}
