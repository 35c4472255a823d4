package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

const (
	salt22 = "c29tZXNhbHRzb21lc2FsdA"
	sum43  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// Made by pyca/cryptography: Argon2id(salt=b"somesalt", length=32,
// iterations=2, lanes=1, memory_cost=64).derive_phc_encoded(b"password").
const foreignArgon2id = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$FqGkmHNGCd0BRW2kBt6fPZ2pPmyGwwChL8FGUhTOSSI"

func bcryptHash(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return string(h)
}

func TestPasswordHash(t *testing.T) {
	h := newPasswordHash("correct horse")
	assert.True(t, strings.HasPrefix(h.text, "$argon2id$v=19$m=19456,t=2,p=1$"), h.text)
	assert.NotEqual(t, h.text, newPasswordHash("correct horse").text, "two salts")

	read, err := parsePasswordHash(h.text)
	require.NoError(t, err)
	assert.Equal(t, h, read)
	assert.True(t, read.matches("correct horse"))
	assert.False(t, read.matches("correct horsE"))
	assert.False(t, read.matches(""))
	assert.False(t, read.cost.outdated())
}

func TestPasswordHash_Bcrypt(t *testing.T) {
	for _, variant := range []string{"a", "b", "y"} {
		text := "$2" + variant + bcryptHash(t, "correct horse")[3:]
		h, err := parsePasswordHash(text)
		require.NoError(t, err, text)
		assert.True(t, h.matches("correct horse"))
		assert.False(t, h.matches("correct horsE"))
		assert.True(t, h.cost.outdated())
	}
}

func TestPasswordHash_Foreign(t *testing.T) {
	h, err := parsePasswordHash(foreignArgon2id)
	require.NoError(t, err)
	assert.True(t, h.matches("password"))
	assert.False(t, h.matches("passwort"))
	assert.True(t, h.cost.outdated(), "weaker than ours")
}

// bcrypt takes two passwords that differ after their 72nd byte for one.
func TestPasswordHash_BcryptIgnoresNothing(t *testing.T) {
	long := strings.Repeat("x", maxBcrypt)
	h, err := parsePasswordHash(bcryptHash(t, long))
	require.NoError(t, err)
	assert.True(t, h.matches(long))
	assert.False(t, h.matches(long+"y"))
}

func TestPasswordHash_DecoyMatchesNothing(t *testing.T) {
	for _, cost := range []hashCost{{memory: 64, passes: 1, threads: 1}, {rounds: bcrypt.MinCost}} {
		assert.False(t, decoyHash(cost).matches(""))
		assert.False(t, decoyHash(cost).matches("password"))
	}
	cost := hashCost{rounds: bcrypt.MinCost}
	h, err := parsePasswordHash(decoyHash(cost).text)
	require.NoError(t, err, "a decoy that bcrypt does not read costs nothing")
	assert.Equal(t, cost, h.cost)
}

func TestParsePasswordHash_Refuses(t *testing.T) {
	good := "$argon2id$v=19$m=64,t=2,p=1$" + salt22 + "$" + sum43
	_, err := parsePasswordHash(good)
	require.NoError(t, err)
	crypt := bcryptHash(t, "password")

	for name, text := range map[string]string{
		"empty":                "",
		"plain text":           "password",
		"another kind":         strings.Replace(good, "argon2id", "argon2i", 1),
		"another version":      strings.Replace(good, "v=19", "v=16", 1),
		"no version":           strings.Replace(good, "$v=19", "", 1),
		"gigabytes of memory":  strings.Replace(good, "m=64", "m=4194304", 1),
		"memory overflows":     strings.Replace(good, "m=64", "m=18446744073709551680", 1),
		"too little memory":    strings.Replace(good, "m=64", "m=7", 1),
		"no passes":            strings.Replace(good, "t=2", "t=0", 1),
		"a billion passes":     strings.Replace(good, "t=2", "t=1000000000", 1),
		"no threads":           strings.Replace(good, "p=1", "p=0", 1),
		"many threads":         strings.Replace(good, "p=1", "p=17", 1),
		"a sign":               strings.Replace(good, "m=64", "m=+64", 1),
		"a leading zero":       strings.Replace(good, "m=64", "m=064", 1),
		"a parameter too many": strings.Replace(good, "p=1", "p=1,q=1", 1),
		"short salt":           strings.Replace(good, salt22, "c29tZQ", 1),
		"short sum":            strings.Replace(good, sum43, "AAAA", 1),
		"padded salt":          strings.Replace(good, salt22, salt22+"==", 1),
		"line end in the sum":  good[:len(good)-4] + "\n" + good[len(good)-4:],
		"loose bits":           good[:len(good)-1] + "B",
		"a field too many":     good + "$",
		"trailing space":       good + " ",
		"huge":                 good + strings.Repeat("A", 1<<20),
		"bcrypt, short":        crypt[:59],
		"bcrypt, long":         crypt + "A",
		"bcrypt, foreign":      crypt[:59] + "$",
		"bcrypt, minutes":      "$2a$20$" + crypt[7:],
		"bcrypt, no cost":      "$2a$03$" + crypt[7:],
		"bcrypt, old":          "$2x" + crypt[3:],
		"bcrypt, older":        "$2$10$" + crypt[7:] + "A",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parsePasswordHash(text)
			require.ErrorIs(t, err, errHash)
			assert.NotContains(t, err.Error(), salt22)
			assert.NotContains(t, err.Error(), crypt[7:])
		})
	}
}

func FuzzParsePasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=2,p=1$" + salt22 + "$" + sum43)
	f.Add(newPasswordHash("password").text)
	f.Add(bcryptHash(f, "password"))
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parsePasswordHash(text)
		if err != nil {
			assert.ErrorIs(t, err, errHash)
			return
		}
		assert.Equal(t, text, h.text)
		assert.LessOrEqual(t, h.cost.memory, uint32(maxHashMemory))
		if h.cost.isBcrypt() {
			assert.LessOrEqual(t, h.cost.rounds, maxBcryptCost)
			return
		}
		assert.Equal(t, text, h.phc(), "a hash has one spelling")
	})
}
