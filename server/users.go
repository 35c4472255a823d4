package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"
)

// Errors of users.
var (
	// ErrCredentials: the user or the password is wrong; nobody learns which.
	ErrCredentials = errors.New("server: invalid credentials")
	// ErrBusy: too many passwords are being checked at this moment.
	ErrBusy = errors.New("server: too many logins at once")
	// ErrUserExists: there is a user of that name or e-mail address already.
	ErrUserExists = errors.New("server: user exists")
	// ErrNoUser: there is no user of that name.
	ErrNoUser = errors.New("server: no such user")
	// ErrUserName: not a name for a user.
	ErrUserName = errors.New("server: want a user name of 1 to 128 printable characters, with no space at its ends")
	// ErrEmail: not an e-mail address for a user.
	ErrEmail = errors.New("server: want an e-mail address of at most 254 visible ASCII characters")
	// ErrPassword: not a password for a user.
	ErrPassword = errors.New("server: want a password of 8 to 1024 bytes")
	// ErrUserScope: not a scope for a user.
	ErrUserScope = errors.New("server: want scopes as RFC 6749 spells them, 1024 bytes in all")
	// ErrUsersFile: the users file cannot be read, or is not one.
	ErrUsersFile = errors.New("server: users file")
)

// Bounds of what a user has.
const (
	maxUserName  = 128
	maxEmail     = 254 // RFC 5321, section 4.5.3.1.3
	minPassword  = 8
	maxPassword  = 1024
	maxUserScope = 1024
)

// maxHashWait is how long a login waits for its turn to hash.
const maxHashWait = 2 * time.Second

// User is one record of a users file, without its password hash.
type User struct {
	Name      string
	Email     string // another name to log in with, in any case; empty: none
	Subject   string // a UUID, made once and never reused
	Scope     []string
	CreatedAt time.Time
}

// Users is a file of users and their password hashes: an [Authenticator]. The
// file is read again when it changes; a bad one leaves the old in force, and
// Health says so. It is safe for concurrent use, by several processes too.
//
// New passwords are hashed with argon2id (19 MiB, two passes). A hash made by
// bcrypt, or by a weaker argon2id, is accepted and made anew at the next good
// login.
type Users struct {
	tableFile[userTable]
	turns chan struct{} // bounds the passwords that are hashed at once
	// matches compares a password with a hash.
	matches func(h passwordHash, password string) bool

	mu       sync.Mutex
	writeErr error // of the last hash made anew
}

// OpenUsers opens a users file. One that does not exist is empty.
func OpenUsers(path string) (*Users, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: no path", ErrUsersFile)
	}
	u := NewUsers()
	u.path = path
	u.current()
	if err := u.health(); err != nil {
		return nil, err
	}
	return u, nil
}

// NewUsers returns users that are kept in memory only.
func NewUsers() *Users {
	return &Users{
		tableFile: tableFile[userTable]{is: ErrUsersFile, limit: maxUsersFile, parse: parseUsers, table: newUserTable(nil)},
		turns:     make(chan struct{}, hashesAtOnce(runtime.GOMAXPROCS(0))),
		matches:   passwordHash.matches,
	}
}

// hashesAtOnce is one to every second core: a flood of logins leaves the rest
// to those who are logged in, whose checks have milliseconds.
func hashesAtOnce(cores int) int { return max(1, cores/2) }

// Authenticate implements [Authenticator]. The name is the user's, exactly, or
// the e-mail address, in any case. For every name and password it does the same
// hashing. ErrBusy means that the password was not looked at.
func (u *Users) Authenticate(ctx context.Context, username, password string) (Identity, error) {
	table := u.current()
	if err := u.takeTurn(ctx); err != nil {
		return Identity{}, err
	}
	defer func() { <-u.turns }()

	record, known := table.find(username)
	if !u.check(table, record.hash, known, password) {
		if known && record.hash.cost.isBcrypt() && len(password) > maxBcrypt {
			return Identity{}, fmt.Errorf("%w: %w", ErrCredentials, bcrypt.ErrPasswordTooLong)
		}
		return Identity{}, ErrCredentials
	}
	if record.hash.cost.outdated() {
		u.hashAnew(record, password)
	}
	return Identity{Subject: record.Subject, Scope: slices.Clone(record.Scope)}, nil
}

// check compares a password with one hash of every cost in the file: the
// user's own where there is one, decoys for the rest. So the time tells
// neither who exists nor whose hash is of which kind.
func (u *Users) check(table *userTable, own passwordHash, known bool, password string) bool {
	valid := len(password) <= maxPassword
	if !valid {
		password = password[:maxPassword]
	}
	granted := false
	for _, cost := range table.costs {
		h, isOwn := decoyHash(cost), known && own.cost == cost
		if isOwn {
			h = own
		}
		if u.matches(h, password) && isOwn {
			granted = valid
		}
	}
	return granted
}

// takeTurn waits until a password may be hashed.
func (u *Users) takeTurn(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxHashWait, ErrBusy)
	defer cancel()
	select {
	case u.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hashAnew replaces the hash of a user whose password is known to be right. It
// must not fail a login: on a read-only file Health has the error.
func (u *Users) hashAnew(old userRecord, password string) {
	fresh := newPasswordHash(password)
	err := u.update(func(users []userRecord) ([]userRecord, error) {
		i := indexUser(users, old.Name)
		if i >= 0 && users[i].Hash == old.Hash {
			users[i].Hash = fresh.text
		}
		return users, nil
	})
	u.mu.Lock()
	u.writeErr = err
	u.mu.Unlock()
}

// Health returns what is wrong with the file, if anything is: it became
// unreadable, and its last good state is in force, or it cannot be written.
func (u *Users) Health() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return errors.Join(u.health(), u.writeErr)
}

// update changes the records, and the file where there is one.
func (u *Users) update(change func([]userRecord) ([]userRecord, error)) error {
	return u.tableFile.update(func(t *userTable) ([]byte, error) {
		return rewritten(t.records, change, func(users []userRecord) any { return usersFile{users} })
	})
}

// Add makes a user with a new subject.
func (u *Users) Add(name, password string, scope []string) (User, error) {
	return u.AddWithEmail(name, "", password, scope)
}

// AddWithEmail makes a user with a new subject and another name to log in with,
// which is no other user's name or address, in whatever case.
func (u *Users) AddWithEmail(name, email, password string, scope []string) (User, error) {
	if err := errors.Join(checkName(name), checkEmail(email), checkPassword(password), checkScope(scope)); err != nil {
		return User{}, err
	}
	record := userRecord{
		Name:      name,
		Email:     email,
		Subject:   uuid.NewString(),
		Hash:      newPasswordHash(password).text,
		Scope:     slices.Clone(scope),
		CreatedAt: time.Now().UTC().Truncate(time.Second),
	}
	err := u.update(func(users []userRecord) ([]userRecord, error) {
		if slices.ContainsFunc(users, record.sharesName) {
			return nil, ErrUserExists
		}
		return append(users, record), nil
	})
	if err != nil {
		return User{}, err
	}
	return record.user(), nil
}

// SetPassword changes a password. The caller revokes the subject.
func (u *Users) SetPassword(name, password string) (User, error) {
	if err := checkPassword(password); err != nil {
		return User{}, err
	}
	hash := newPasswordHash(password).text
	var changed User
	err := u.update(func(users []userRecord) ([]userRecord, error) {
		i := indexUser(users, name)
		if i < 0 {
			return nil, ErrNoUser
		}
		users[i].Hash = hash
		changed = users[i].user()
		return users, nil
	})
	return changed, err
}

// Remove deletes a user. The caller revokes the subject.
func (u *Users) Remove(name string) (User, error) {
	var removed User
	err := u.update(func(users []userRecord) ([]userRecord, error) {
		i := indexUser(users, name)
		if i < 0 {
			return nil, ErrNoUser
		}
		removed = users[i].user()
		return slices.Delete(users, i, i+1), nil
	})
	return removed, err
}

// List returns the users by name.
func (u *Users) List() []User {
	table := u.current()
	users := make([]User, 0, len(table.records))
	for _, r := range table.records {
		users = append(users, r.user())
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return users
}
