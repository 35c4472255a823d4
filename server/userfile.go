package server

import (
	"errors"
	"fmt"
	"net/mail"
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
	Email     string    `json:"email,omitempty"`
	Subject   string    `json:"sub"`
	Hash      string    `json:"hash"` // argon2id in PHC form, or bcrypt
	Scope     []string  `json:"scope,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`

	hash passwordHash // Hash, parsed
}

func (r userRecord) user() User {
	return User{Name: r.Name, Email: r.Email, Subject: r.Subject, Scope: slices.Clone(r.Scope), CreatedAt: r.CreatedAt}
}

// sharesName reports whether somebody could not tell by a name which of two
// users is meant. Names differ in case too, addresses do not.
func (r userRecord) sharesName(other userRecord) bool {
	same := func(email, name string) bool { return email != "" && strings.EqualFold(email, name) }
	return r.Name == other.Name || same(r.Email, other.Name) || same(other.Email, r.Name) || same(r.Email, other.Email)
}

func indexUser(users []userRecord, name string) int {
	return slices.IndexFunc(users, func(r userRecord) bool { return r.Name == name })
}

// userTable is the content of a users file, ready to be asked.
type userTable struct {
	records []userRecord
	byName  map[string]userRecord
	byEmail map[string]userRecord // by the address without its case
	costs   []hashCost            // every kind of hash in it; never empty
}

func newUserTable(records []userRecord) *userTable {
	t := &userTable{records: records, byName: make(map[string]userRecord, len(records)), byEmail: map[string]userRecord{}}
	for _, r := range records {
		t.byName[r.Name] = r
		if r.Email != "" {
			t.byEmail[foldName(r.Email)] = r
		}
		if !slices.Contains(t.costs, r.hash.cost) {
			t.costs = append(t.costs, r.hash.cost)
		}
	}
	if len(t.costs) == 0 {
		t.costs = []hashCost{standardCost()}
	}
	return t
}

// find returns the user of a name or an e-mail address. Both are looked for,
// whatever is found.
func (t *userTable) find(username string) (userRecord, bool) {
	byEmail, hasEmail := t.byEmail[foldName(username)]
	byName, hasName := t.byName[username]
	if hasName {
		return byName, true
	}
	return byEmail, hasEmail
}

// parseUsers reads a users file strictly. Its errors name the user's place in
// the file, and no content.
func parseUsers(data []byte) (*userTable, error) {
	var file usersFile
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: not strict JSON of the known members%s", ErrUsersFile, whereInJSON(err))
	}
	names, subjects := map[string]bool{}, map[string]bool{}
	whose := map[string]int{} // who has an address, counted from 1
	for i := range file.Users {
		r := &file.Users[i]
		if err := r.parse(); err != nil {
			return nil, fmt.Errorf("%w: user %d: %w", ErrUsersFile, i+1, err)
		}
		if names[r.Name] || subjects[r.Subject] {
			return nil, fmt.Errorf("%w: user %d: its name or sub is another's too", ErrUsersFile, i+1)
		}
		names[r.Name], subjects[r.Subject] = true, true
		if email := foldName(r.Email); email != "" {
			if whose[email] != 0 {
				return nil, fmt.Errorf("%w: user %d: its email is another's too", ErrUsersFile, i+1)
			}
			whose[email] = i + 1
		}
	}
	for i, r := range file.Users {
		if other := whose[foldName(r.Name)]; other != 0 && other != i+1 {
			return nil, fmt.Errorf("%w: user %d: its name is another's email", ErrUsersFile, i+1)
		}
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
	if err := errors.Join(checkName(r.Name), checkEmail(r.Email), checkScope(r.Scope)); err != nil {
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

// checkEmail accepts none, and what RFC 5322 calls an addr-spec. Without bytes
// beyond ASCII no two addresses look alike.
func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	address, err := mail.ParseAddress(email)
	if len(email) > maxEmail || strings.ContainsFunc(email, invisible) || err != nil || address.Address != email {
		return ErrEmail
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
