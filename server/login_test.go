package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestUsers_Email(t *testing.T) {
	u := testUsers(t)
	alice, err := u.AddWithEmail("alice", "Alice@Example.com", testPassword, nil)
	require.NoError(t, err)
	assert.Equal(t, "Alice@Example.com", alice.Email)
	_, err = u.AddWithEmail("carol@example.com", "carol@example.com", testPassword, nil)
	require.NoError(t, err, "a name may be the own address")
	for _, name := range []string{"alice", "alice@example.com", "ALICE@EXAMPLE.COM"} {
		who, err := u.Authenticate(t.Context(), name, testPassword)
		require.NoError(t, err, name)
		assert.Equal(t, alice.Subject, who.Subject)
	}
	_, err = u.Authenticate(t.Context(), "Alice", testPassword)
	assert.ErrorIs(t, err, ErrCredentials, "a name has its case")

	for _, taken := range [][2]string{{"alice", ""}, {"bob", "alice@example.COM"}, {"ALICE@example.com", ""}, {"CAROL@example.com", ""}} {
		_, err := u.AddWithEmail(taken[0], taken[1], testPassword, nil)
		assert.ErrorIs(t, err, ErrUserExists, "%q", taken)
	}
	for _, bad := range []string{"bob", "@", "b ob@example.com", "Bob <bob@example.com>", "bób@example.com", "bob@example.com\n",
		" bob@example.com", "bob@example.com,alice@example.com", strings.Repeat("b", 250) + "@x.example"} {
		_, err := u.AddWithEmail("bob", bad, testPassword, nil)
		assert.ErrorIs(t, err, ErrEmail, "%q", bad)
	}
	assert.Len(t, u.List(), 2)

	again, err := OpenUsers(u.path)
	require.NoError(t, err)
	assert.Equal(t, u.List(), again.List())
}

// An address that two users have, or that is another's name, makes a bad file,
// which says where and not what.
func TestUsers_EmailsInAFile(t *testing.T) {
	hash := newPasswordHash(testPassword).text
	record := func(name, email string) userRecord {
		return userRecord{Name: name, Email: email, Subject: uuid.NewString(), Hash: hash}
	}
	for name, row := range map[string]struct {
		records []userRecord
		want    string
	}{
		"the same":       {[]userRecord{record("a", "x@example.com"), record("b", "X@example.com")}, "user 2: its email is another's too"},
		"another's name": {[]userRecord{record("X@EXAMPLE.com", ""), record("b", "x@example.com")}, "user 1: its name is another's email"},
		"no address":     {[]userRecord{record("a", "x")}, "user 1"},
	} {
		path := filepath.Join(t.TempDir(), "users.json")
		writeUsers(t, path, row.records...)
		_, err := OpenUsers(path)
		require.ErrorIs(t, err, ErrUsersFile, name)
		assert.ErrorContains(t, err, row.want)
		assert.NotContains(t, strings.ToLower(err.Error()), "x@example")
	}
}

// A password of which bcrypt would look at the beginning only is refused. Whom
// that concerns, the log says by a note without a name, and no answer at all.
func TestLogin_PasswordTooLongForBcrypt(t *testing.T) {
	long := strings.Repeat("x", 73)
	hash, err := bcrypt.GenerateFromPassword([]byte(long[:72]), bcrypt.MinCost)
	require.NoError(t, err)
	u := testUsers(t)
	writeUsers(t, u.path, userRecord{Name: "alice", Subject: uuid.NewString(), Hash: string(hash)})
	s := newSite(t, siteOptions{server: Options{Login: u}})
	s.secret(long)

	nobody := s.try("203.0.113.5:1", "nobody", long)
	require.NotContains(t, s.logs.String(), "bcrypt")
	alice := s.try("203.0.113.5:1", "alice", long)
	alice.refused(http.StatusUnauthorized, "invalid_credentials")
	assert.Equal(t, string(nobody.body), string(alice.body))
	assert.Contains(t, s.logs.String(), "over the 72 bytes")
	assert.NotContains(t, s.logs.String(), "alice")
}
