package server

import (
	"context"
	"errors"
	"time"
)

// ErrCredentials: the user or the password is wrong; nobody learns which.
var ErrCredentials = errors.New("server: invalid credentials")

// User is one record of a users file, without its password hash.
type User struct {
	Name      string
	Subject   string // a UUID, made once and never reused
	Scope     []string
	CreatedAt time.Time
}

// Users is a file of users and their password hashes: an Authenticator. The
// file is read again when it changes; a bad one leaves the old in force.
type Users struct{}

// OpenUsers opens a users file. One that does not exist is empty.
func OpenUsers(path string) (*Users, error) { panic("skeleton") }

// NewUsers returns users that are kept in memory only.
func NewUsers() *Users { panic("skeleton") }

// Authenticate implements Authenticator.
func (u *Users) Authenticate(ctx context.Context, username, password string) (Identity, error) {
	panic("skeleton")
}

// Add makes a user with a new subject.
func (u *Users) Add(name, password string, scope []string) (User, error) { panic("skeleton") }

// SetPassword changes a password. The caller revokes the subject.
func (u *Users) SetPassword(name, password string) (User, error) { panic("skeleton") }

// Remove deletes a user. The caller revokes the subject.
func (u *Users) Remove(name string) (User, error) { panic("skeleton") }

// List returns the users by name.
func (u *Users) List() []User { panic("skeleton") }
