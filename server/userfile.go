package server

import (
	"errors"
	"fmt"
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
