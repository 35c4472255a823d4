package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// maxUsersFile is the most bytes that a users file may have: some 60,000 users.
const maxUsersFile = 16 << 20

// maxHashCosts is how many kinds of hashes a users file may hold, since every
// login pays for each of them.
const maxHashCosts = 4

// usersFile is a users file: one JSON object.
type usersFile struct {
	Users []userRecord `json:"users"`
}

// userRecord is one user in the file.
type userRecord struct {
	Name      string    `json:"name"`
	Subject   string    `json:"sub"`
	Hash      string    `json:"hash"` // argon2id in PHC form, or bcrypt
	Scope     []string  `json:"scope,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`

	hash passwordHash // Hash, parsed
}

func (r userRecord) user() User {
	return User{Name: r.Name, Subject: r.Subject, Scope: slices.Clone(r.Scope), CreatedAt: r.CreatedAt}
}

func indexUser(users []userRecord, name string) int {
	return slices.IndexFunc(users, func(r userRecord) bool { return r.Name == name })
}

// userTable is the content of a users file, ready to be asked.
type userTable struct {
	records []userRecord
	byName  map[string]userRecord
	costs   []hashCost // every kind of hash in it; never empty
}

func newUserTable(records []userRecord) *userTable {
	t := &userTable{records: records, byName: make(map[string]userRecord, len(records))}
	for _, r := range records {
		t.byName[r.Name] = r
		if !slices.Contains(t.costs, r.hash.cost) {
			t.costs = append(t.costs, r.hash.cost)
		}
	}
	if len(t.costs) == 0 {
		t.costs = []hashCost{standardCost()}
	}
	return t
}

// parseUsers reads a users file strictly. Its errors name the user's place in
// the file, and no content.
func parseUsers(data []byte) (*userTable, error) {
	var file usersFile
	if len(data) > maxUsersFile {
		return nil, fmt.Errorf("%w: over %d bytes", ErrUsersFile, maxUsersFile)
	}
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: not strict JSON of the known members%s", ErrUsersFile, whereInJSON(err))
	}
	names, subjects := map[string]bool{}, map[string]bool{}
	for i := range file.Users {
		r := &file.Users[i]
		if err := r.parse(); err != nil {
			return nil, fmt.Errorf("%w: user %d: %w", ErrUsersFile, i+1, err)
		}
		if names[r.Name] || subjects[r.Subject] {
			return nil, fmt.Errorf("%w: user %d: its name or sub is another's too", ErrUsersFile, i+1)
		}
		names[r.Name], subjects[r.Subject] = true, true
	}
	table := newUserTable(file.Users)
	if len(table.costs) > maxHashCosts {
		return nil, fmt.Errorf("%w: hashes of %d different costs: want at most %d", ErrUsersFile, len(table.costs), maxHashCosts)
	}
	return table, nil
}

// whereInJSON says where JSON went wrong, without what stood there.
func whereInJSON(err error) string {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf(", at byte %d", syntax.ByteOffset)
	case errors.As(err, &semantic):
		return fmt.Sprintf(", at byte %d", semantic.ByteOffset)
	}
	return ""
}

func (r *userRecord) parse() (err error) {
	if err := errors.Join(checkName(r.Name), checkScope(r.Scope)); err != nil {
		return err
	}
	if id, err := uuid.Parse(r.Subject); err != nil || id.String() != r.Subject {
		return errors.New("its sub is not a UUID in lower case")
	}
	r.hash, err = parsePasswordHash(r.Hash)
	return err
}

func checkName(name string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || len(name) > maxUserName || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unprintable) {
		return ErrUserName
	}
	return nil
}

func checkPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return ErrPassword
	}
	return nil
}

// checkScope applies RFC 6749, section 3.3.
func checkScope(scope []string) error {
	total := 0
	for _, s := range scope {
		total += len(s) + 1
		foreign := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }
		if s == "" || strings.ContainsFunc(s, foreign) {
			return ErrUserScope
		}
	}
	if total > maxUserScope {
		return ErrUserScope
	}
	return nil
}

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
	f, err := os.Open(path)
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxUsersFile+1))
	if err != nil {
		return nil, fileStamp{}, fmt.Errorf("%w: %w", ErrUsersFile, err)
	}
	table, err := parseUsers(data)
	return table, fileStamp{info}, err
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
