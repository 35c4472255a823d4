package server

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

const testPassword = "correct horse battery"

// testUsers are users in a file of a directory of their own.
func testUsers(t testing.TB) *Users {
	t.Helper()
	u, err := OpenUsers(filepath.Join(t.TempDir(), "users.json"))
	require.NoError(t, err)
	return u
}

func addUser(t testing.TB, u *Users, name string) User {
	t.Helper()
	user, err := u.Add(name, testPassword, []string{"read", "write"})
	require.NoError(t, err)
	return user
}

// writeUsers writes a users file by hand, as an administrator would.
func writeUsers(t testing.TB, path string, records ...userRecord) {
	t.Helper()
	data, err := json.Marshal(usersFile{Users: records})
	require.NoError(t, err)
	require.NoError(t, replaceFile(path, data))
}

func TestUsers_Life(t *testing.T) {
	u := testUsers(t)
	alice := addUser(t, u, "alice")
	_, err := uuid.Parse(alice.Subject)
	assert.NoError(t, err, "a subject is an id, not a name")

	who, err := u.Authenticate(t.Context(), "alice", testPassword)
	require.NoError(t, err)
	assert.Equal(t, Identity{Subject: alice.Subject, Scope: []string{"read", "write"}}, who)
	for _, wrong := range [][2]string{{"alice", "wrong"}, {"Alice", testPassword}, {"bob", testPassword}, {"", ""}, {"alice", ""}} {
		_, err := u.Authenticate(t.Context(), wrong[0], wrong[1])
		assert.ErrorIs(t, err, ErrCredentials, "%q", wrong)
	}

	changed, err := u.SetPassword("alice", "another secret")
	require.NoError(t, err)
	assert.Equal(t, alice, changed)
	_, err = u.Authenticate(t.Context(), "alice", testPassword)
	assert.ErrorIs(t, err, ErrCredentials)
	_, err = u.Authenticate(t.Context(), "alice", "another secret")
	assert.NoError(t, err)

	_, err = u.Remove("alice")
	require.NoError(t, err)
	assert.Empty(t, u.List())
	again := addUser(t, u, "alice")
	assert.NotEqual(t, alice.Subject, again.Subject, "a subject is never used again")
}

func TestUsers_Refuses(t *testing.T) {
	u := NewUsers()
	addUser(t, u, "alice")
	for _, name := range []string{"", " alice", "alice ", "al\nice", "al\x00ice", "\xff", strings.Repeat("x", 129)} {
		_, err := u.Add(name, testPassword, nil)
		assert.ErrorIs(t, err, ErrUserName, "%q", name)
	}
	for _, password := range []string{"", "1234567", strings.Repeat("x", 1025)} {
		_, err := u.Add("bob", password, nil)
		assert.ErrorIs(t, err, ErrPassword)
		_, err = u.SetPassword("alice", password)
		assert.ErrorIs(t, err, ErrPassword)
	}
	for _, scope := range []string{"", "a b", `a"b`, `a\b`, "ä", strings.Repeat("x", 1025)} {
		_, err := u.Add("bob", testPassword, []string{scope})
		assert.ErrorIs(t, err, ErrUserScope, "%q", scope)
	}
	_, err := u.Add("alice", testPassword, nil)
	assert.ErrorIs(t, err, ErrUserExists)
	_, err = u.SetPassword("bob", testPassword)
	assert.ErrorIs(t, err, ErrNoUser)
	_, err = u.Remove("bob")
	assert.ErrorIs(t, err, ErrNoUser)
}

func TestUsers_File(t *testing.T) {
	u := testUsers(t)
	alice, zoe := addUser(t, u, "alice"), addUser(t, u, "zoë")

	info, err := os.Stat(u.path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.ReadFile(u.path)
	require.NoError(t, err)
	assert.NotContains(t, string(data), testPassword)

	again, err := OpenUsers(u.path)
	require.NoError(t, err)
	assert.Equal(t, []User{alice, zoe}, again.List())
}

// Another process adds, changes and removes users; this one follows at the
// next login.
func TestUsers_FollowsTheFile(t *testing.T) {
	here := testUsers(t)
	there, err := OpenUsers(here.path)
	require.NoError(t, err)

	addUser(t, there, "alice")
	_, err = here.Authenticate(t.Context(), "alice", testPassword)
	assert.NoError(t, err, "a file that did not exist is found")
	addUser(t, here, "bob")
	assert.Len(t, there.List(), 2)
	_, err = there.Remove("alice")
	require.NoError(t, err)
	_, err = here.Authenticate(t.Context(), "alice", testPassword)
	assert.ErrorIs(t, err, ErrCredentials)
}

func TestUsers_BadFileKeepsTheOld(t *testing.T) {
	u := testUsers(t)
	addUser(t, u, "alice")
	good, err := os.ReadFile(u.path)
	require.NoError(t, err)

	for name, spoil := range map[string]func(){
		"half a file": func() { require.NoError(t, os.WriteFile(u.path, good[:len(good)/2], 0o600)) },
		"gone":        func() { require.NoError(t, os.Remove(u.path)) },
		"a directory": func() { require.NoError(t, os.Remove(u.path)); require.NoError(t, os.Mkdir(u.path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			spoil()
			_, err := u.Authenticate(t.Context(), "alice", testPassword)
			assert.NoError(t, err, "the old users are in force")
			assert.ErrorIs(t, u.Health(), ErrUsersFile)
			if name != "gone" {
				_, err = u.Add("bob", testPassword, nil)
				assert.ErrorIs(t, err, ErrUsersFile, "a file that is not understood is not written over")
			}

			require.NoError(t, os.RemoveAll(u.path))
			require.NoError(t, os.WriteFile(u.path, good, 0o600))
			_, err = u.Authenticate(t.Context(), "alice", testPassword)
			assert.NoError(t, err)
			assert.NoError(t, u.Health())
		})
	}
}

func TestOpenUsers_Refuses(t *testing.T) {
	for _, path := range []string{"", t.TempDir()} {
		_, err := OpenUsers(path)
		assert.ErrorIs(t, err, ErrUsersFile, path)
	}
	path := filepath.Join(t.TempDir(), "users.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := OpenUsers(path)
	assert.ErrorIs(t, err, ErrUsersFile)
}

func TestParseUsers_Refuses(t *testing.T) {
	const sub = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
	user := func(name, sub, hash string) string {
		return fmt.Sprintf(`{"name":%q,"sub":%q,"hash":%q}`, name, sub, hash)
	}
	file := func(users ...string) string { return `{"users":[` + strings.Join(users, ",") + `]}` }
	good := user("alice", sub, foreignArgon2id)
	_, err := parseUsers([]byte(file(good)))
	require.NoError(t, err)

	fifth := []string{}
	for m := 64; m < 64+maxHashCosts+1; m++ {
		hash := strings.Replace(foreignArgon2id, "m=64", fmt.Sprintf("m=%d", m), 1)
		fifth = append(fifth, user(fmt.Sprint(m), uuid.NewString(), hash))
	}
	for name, text := range map[string]string{
		"empty":            "",
		"a list":           "[" + good + "]",
		"trailing data":    file(good) + "{}",
		"unknown member":   `{"users":[],"user":[]}`,
		"duplicate member": `{"users":[],"users":[]}`,
		"other case":       `{"Users":[]}`,
		"unknown in user":  file(strings.Replace(good, `"name"`, `"admin":true,"name"`, 1)),
		"not UTF-8":        strings.Replace(file(good), "alice", "al\xffce", 1),
		"no name":          file(user("", sub, foreignArgon2id)),
		"no sub":           file(user("alice", "", foreignArgon2id)),
		"a name as sub":    file(user("alice", "alice", foreignArgon2id)),
		"sub in capitals":  file(user("alice", strings.ToUpper(sub), foreignArgon2id)),
		"no hash":          file(user("alice", sub, "")),
		"a plain password": file(user("alice", sub, testPassword)),
		"same name":        file(good, user("alice", uuid.NewString(), foreignArgon2id)),
		"same sub":         file(good, user("bob", sub, foreignArgon2id)),
		"costly to ask":    file(fifth...),
		"too large":        file(good) + strings.Repeat(" ", maxUsersFile),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewUsers().tableOf([]byte(text))
			require.ErrorIs(t, err, ErrUsersFile)
			assert.NotContains(t, err.Error(), testPassword)
			assert.NotContains(t, err.Error(), "c29tZXNhbHQ")
		})
	}
}

func FuzzParseUsers(f *testing.F) {
	f.Add([]byte(`{"users":[{"name":"alice","sub":"7d444840-9dc0-11d1-b245-5ffdce74fad2","hash":"` + foreignArgon2id + `","scope":["a"],"created_at":"2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"users":[]}`))
	f.Add([]byte(`{"users":[{"name":"\u0000"}]}{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseUsers(data)
		if err != nil {
			assert.ErrorIs(t, err, ErrUsersFile)
			return
		}
		u := NewUsers()
		u.table = table
		require.NoError(t, u.update(func(r []userRecord) ([]userRecord, error) { return r, nil }), "what is read can be written")
		assert.Equal(t, len(table.byName), len(u.table.byName))
	})
}

func TestUsers_BcryptIsHashedAnew(t *testing.T) {
	u := testUsers(t)
	long := strings.Repeat("x", 72)
	writeUsers(t, u.path,
		userRecord{Name: "old", Subject: uuid.NewString(), Hash: bcryptHash(t, testPassword)},
		userRecord{Name: "long", Subject: uuid.NewString(), Hash: bcryptHash(t, long)},
		userRecord{Name: "weak", Subject: uuid.NewString(), Hash: foreignArgon2id})
	before := u.List()

	_, err := u.Authenticate(t.Context(), "old", "wrong password")
	assert.ErrorIs(t, err, ErrCredentials)
	assert.True(t, u.current().byName["old"].hash.cost.isBcrypt(), "only a good login hashes anew")
	_, err = u.Authenticate(t.Context(), "long", long+"y")
	assert.ErrorIs(t, err, ErrCredentials)
	assert.ErrorIs(t, err, bcrypt.ErrPasswordTooLong, "refused by name")

	for name, password := range map[string]string{"old": testPassword, "long": long, "weak": "password"} {
		for range 2 { // by the old hash, by the new one
			_, err := u.Authenticate(t.Context(), name, password)
			assert.NoError(t, err, name)
		}
	}
	assert.NoError(t, u.Health())
	again, err := OpenUsers(u.path)
	require.NoError(t, err)
	assert.Equal(t, []hashCost{standardCost()}, again.current().costs)
	assert.Equal(t, before, again.List(), "nothing else changed")
}

// A login must not fail for a file that cannot be written.
func TestUsers_CannotBeHashedAnew(t *testing.T) {
	u := testUsers(t)
	writeUsers(t, u.path, userRecord{Name: "old", Subject: uuid.NewString(), Hash: bcryptHash(t, testPassword)})
	require.NoError(t, os.Mkdir(u.path+".lock", 0o700))

	_, err := u.Authenticate(t.Context(), "old", testPassword)
	assert.NoError(t, err)
	assert.ErrorIs(t, u.Health(), ErrUsersFile)
}

// The same hashes are computed whoever logs in: known or not, of an old kind
// of hash or a new one.
func TestUsers_SameWorkForEveryone(t *testing.T) {
	u := testUsers(t)
	writeUsers(t, u.path,
		userRecord{Name: "new", Subject: uuid.NewString(), Hash: newPasswordHash(testPassword).text},
		userRecord{Name: "old", Subject: uuid.NewString(), Hash: bcryptHash(t, testPassword)},
		userRecord{Name: "weak", Subject: uuid.NewString(), Hash: foreignArgon2id})
	var work []hashCost
	var lengths []int
	u.matches = func(h passwordHash, password string) bool {
		work, lengths = append(work, h.cost), append(lengths, len(password))
		return false
	}
	want := u.current().costs
	require.Len(t, want, 3)
	for _, name := range []string{"new", "old", "weak", "nobody", "", "new\x00", strings.Repeat("x", 4096)} {
		for _, password := range []string{"", "wrong password", strings.Repeat("x", 100), strings.Repeat("x", 16<<10)} {
			work, lengths = nil, nil
			_, err := u.Authenticate(t.Context(), name, password)
			assert.ErrorIs(t, err, ErrCredentials)
			assert.Equal(t, want, work, "%.10q", name)
			assert.Equal(t, min(len(password), maxPassword), lengths[0])
		}
	}
}

// A decoy that by some miracle matches grants nothing, nor does a password
// whose head is right.
func TestUsers_OnlyTheOwnHashGrants(t *testing.T) {
	u := testUsers(t)
	writeUsers(t, u.path,
		userRecord{Name: "new", Subject: uuid.NewString(), Hash: newPasswordHash(testPassword).text},
		userRecord{Name: "weak", Subject: uuid.NewString(), Hash: foreignArgon2id})
	weak := u.current().byName["weak"].hash
	u.matches = func(h passwordHash, _ string) bool { return h.text != weak.text }
	_, err := u.Authenticate(t.Context(), "weak", "any password")
	assert.ErrorIs(t, err, ErrCredentials)
	_, err = u.Authenticate(t.Context(), "nobody", "any password")
	assert.ErrorIs(t, err, ErrCredentials)
	_, err = u.Authenticate(t.Context(), "new", strings.Repeat("x", maxPassword+1))
	assert.ErrorIs(t, err, ErrCredentials)
	_, err = u.Authenticate(t.Context(), "new", "any password")
	assert.NoError(t, err)
}

func TestUsers_HashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := NewUsers()
		release, running := make(chan struct{}), 0
		u.matches = func(passwordHash, string) bool {
			running++
			<-release
			return false
		}
		var wg sync.WaitGroup
		for range cap(u.turns) {
			wg.Go(func() { _, _ = u.Authenticate(t.Context(), "a", "b") })
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := u.Authenticate(ctx, "a", "b")
		assert.ErrorIs(t, err, context.Canceled, "who has gone is not waited for")

		start := time.Now()
		_, err = u.Authenticate(t.Context(), "a", "b")
		assert.ErrorIs(t, err, ErrBusy)
		assert.Equal(t, maxHashWait, time.Since(start))
		assert.Equal(t, cap(u.turns), running)
		close(release)
		wg.Wait()
	})
}

// A flood of logins must not take the cores from those who are logged in: their
// checks have 50 ms.
func TestUsers_HashingLeavesCores(t *testing.T) {
	for cores, want := range map[int]int{1: 1, 2: 1, 3: 1, 8: 4} {
		assert.Equal(t, want, hashesAtOnce(cores), "of %d cores", cores)
	}
	assert.Equal(t, hashesAtOnce(runtime.GOMAXPROCS(0)), cap(NewUsers().turns))
}

// Nothing but a file is read: a pipe would keep every login waiting for it.
func TestUsers_PipeIsNotRead(t *testing.T) {
	u := testUsers(t)
	_, err := u.Add("alice", testPassword, nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(u.path))
	require.NoError(t, exec.Command("mkfifo", u.path).Run())
	done := make(chan error, 1)
	go func() {
		_, err := u.Authenticate(t.Context(), "alice", testPassword)
		done <- err
	}()
	select {
	case err := <-done:
		assert.NoError(t, err, "the last good state is in force")
		assert.ErrorIs(t, u.Health(), ErrUsersFile)
	case <-time.After(time.Minute):
		require.Fail(t, "a login waits for a pipe")
	}
}

// A file that others can write to could hold anybody's password.
func TestUsers_OthersCannotWrite(t *testing.T) {
	u := testUsers(t)
	_, err := u.Add("alice", testPassword, nil)
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		require.NoError(t, os.Chmod(u.path, mode))
		_, err := OpenUsers(u.path)
		assert.ErrorIs(t, err, ErrUsersFile, "mode %o", mode)
	}
	require.NoError(t, os.Chmod(u.path, 0o640))
	opened, err := OpenUsers(u.path)
	require.NoError(t, err)
	_, err = opened.Authenticate(t.Context(), "alice", testPassword)
	assert.NoError(t, err)
}

// Of any number of writers, in one process or several, none undoes another.
func TestUsers_Writers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.json")
	const writers, each = 4, 3
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			u, err := OpenUsers(path)
			assert.NoError(t, err)
			for i := range each {
				_, err := u.Add(fmt.Sprintf("user-%d-%d", w, i), testPassword, nil)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	u, err := OpenUsers(path)
	require.NoError(t, err)
	assert.Len(t, u.List(), writers*each)
}

func ExampleUsers() {
	users := NewUsers() // or OpenUsers("users.json")
	if _, err := users.Add("alice", "correct horse battery", []string{"read"}); err != nil {
		panic(err)
	}
	who, err := users.Authenticate(context.Background(), "alice", "correct horse battery")
	fmt.Println(who.Scope, err)
	_, err = users.Authenticate(context.Background(), "alice", "a guess")
	fmt.Println(err)
	// Output:
	// [read] <nil>
	// server: invalid credentials
}
