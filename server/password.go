package server

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What new hashes cost: OWASP's second recommendation for argon2id, 19 MiB and
// two passes, some 20 ms of one core.
const (
	hashMemory  = 19 * 1024 // KiB
	hashPasses  = 2
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashSum     = 32 // bytes
)

// What a hash in a users file may cost: whoever can edit the file must not be
// able to stop the server with one login.
const (
	maxHashText    = 256        // bytes
	maxHashMemory  = 256 * 1024 // KiB
	maxHashPasses  = 16
	maxHashThreads = 16
	minBcryptCost  = bcrypt.MinCost
	maxBcryptCost  = 14
)

// maxBcrypt is the most bytes of a password that bcrypt looks at. It ignores
// the rest, so that two long passwords may be one to it.
const maxBcrypt = 72

// errHash: a hash in a users file cannot be read. It never shows the hash.
var errHash = errors.New("server: not a password hash")

// hashCost is how a password is hashed, and all that the time of it depends
// on. It is comparable.
type hashCost struct {
	memory  uint32 // KiB of argon2id; 0: bcrypt
	passes  uint32
	threads uint8
	rounds  int // bcrypt's cost
}

// standardCost is what new hashes are made with.
func standardCost() hashCost {
	return hashCost{memory: hashMemory, passes: hashPasses, threads: hashThreads}
}

func (c hashCost) isBcrypt() bool { return c.memory == 0 }

// outdated reports whether a password should be hashed again: it is bcrypt's,
// or a weaker argon2id than ours.
func (c hashCost) outdated() bool {
	return c.isBcrypt() || uint64(c.memory)*uint64(c.passes) < hashMemory*hashPasses
}

// passwordHash is the hash of one password.
type passwordHash struct {
	cost hashCost
	salt []byte // argon2id
	sum  []byte // argon2id
	text string // as it stands in the file
}

// newPasswordHash hashes a password with a fresh salt.
func newPasswordHash(password string) passwordHash {
	h := passwordHash{cost: standardCost(), salt: make([]byte, hashSalt)}
	rand.Read(h.salt)
	h.sum = argon2.IDKey([]byte(password), h.salt, h.cost.passes, h.cost.memory, h.cost.threads, hashSum)
	h.text = h.phc()
	return h
}

// decoyHash is a hash that costs c to compare with. No password is known to
// match it, and its verdict is never used.
func decoyHash(c hashCost) passwordHash {
	if c.isBcrypt() {
		return passwordHash{cost: c, text: fmt.Sprintf("$2a$%02d$%s", c.rounds, strings.Repeat(".", 53))}
	}
	return passwordHash{cost: c, salt: make([]byte, hashSalt), sum: make([]byte, hashSum)}
}

// matches compares a password with the hash, in a time that depends on the
// hash's cost only.
func (h passwordHash) matches(password string) bool {
	if !h.cost.isBcrypt() {
		sum := argon2.IDKey([]byte(password), h.salt, h.cost.passes, h.cost.memory, h.cost.threads, uint32(len(h.sum)))
		return subtle.ConstantTimeCompare(sum, h.sum) == 1
	}
	tooLong := len(password) > maxBcrypt
	if tooLong {
		password = password[:maxBcrypt]
	}
	same := bcrypt.CompareHashAndPassword([]byte(h.text), []byte(password)) == nil
	return same && !tooLong
}

// phcFormat is the PHC string format of an argon2id hash.
const phcFormat = "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s"

// phc writes an argon2id hash in the PHC string format.
func (h passwordHash) phc() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf(phcFormat, argon2.Version, h.cost.memory, h.cost.passes, h.cost.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parsePasswordHash reads argon2id in the PHC string format, and bcrypt.
func parsePasswordHash(text string) (passwordHash, error) {
	switch {
	case len(text) > maxHashText:
		return passwordHash{}, fmt.Errorf("%w: over %d bytes", errHash, maxHashText)
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon2id(text)
	case strings.HasPrefix(text, "$2"):
		return parseBcrypt(text)
	}
	return passwordHash{}, fmt.Errorf("%w: want argon2id in PHC form, or bcrypt", errHash)
}

func parseArgon2id(text string) (passwordHash, error) {
	fields := strings.Split(text, "$") // "", argon2id, v, costs, salt, sum
	if len(fields) != 6 {
		return passwordHash{}, fmt.Errorf("%w: argon2id has six fields", errHash)
	}
	h := passwordHash{text: text}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.cost.memory, &h.cost.passes, &h.cost.threads); err != nil {
		return passwordHash{}, fmt.Errorf("%w: costs of argon2id are not m=…,t=…,p=…", errHash)
	}
	b64 := base64.RawStdEncoding.Strict()
	var saltErr, sumErr error
	h.salt, saltErr = b64.DecodeString(fields[4])
	h.sum, sumErr = b64.DecodeString(fields[5])
	if saltErr != nil || sumErr != nil {
		return passwordHash{}, fmt.Errorf("%w: salt or sum is not base64", errHash)
	}
	if err := h.withinLimits(); err != nil {
		return passwordHash{}, err
	}
	// Whatever else was lax above (signs, zeros, line ends in base64, another
	// version) shows here: a hash has one spelling.
	if h.phc() != text {
		return passwordHash{}, fmt.Errorf("%w: argon2id is not in its canonical form", errHash)
	}
	return h, nil
}

// withinLimits keeps argon2 from panicking (RFC 9106, section 3.1) and from
// eating the machine.
func (h passwordHash) withinLimits() error {
	c := h.cost
	switch {
	case c.threads < 1 || c.threads > maxHashThreads, c.passes < 1 || c.passes > maxHashPasses,
		c.memory < 8*uint32(c.threads) || c.memory > maxHashMemory:
		return fmt.Errorf("%w: argon2id out of bounds: want m up to %d, t up to %d, p up to %d",
			errHash, maxHashMemory, maxHashPasses, maxHashThreads)
	case len(h.salt) < 8 || len(h.salt) > 64, len(h.sum) < 16 || len(h.sum) > 64:
		return fmt.Errorf("%w: salt of %d and sum of %d bytes: want 8 to 64 and 16 to 64", errHash, len(h.salt), len(h.sum))
	}
	return nil
}

func parseBcrypt(text string) (passwordHash, error) {
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || len(text) != 60 || text[3] != '$' || !strings.ContainsRune("aby", rune(text[2])) {
		return passwordHash{}, fmt.Errorf("%w: bcrypt is damaged", errHash)
	}
	if strings.Trim(text[7:], "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return passwordHash{}, fmt.Errorf("%w: bcrypt is not base64", errHash)
	}
	if cost < minBcryptCost || cost > maxBcryptCost {
		return passwordHash{}, fmt.Errorf("%w: bcrypt of cost %d: want %d to %d", errHash, cost, minBcryptCost, maxBcryptCost)
	}
	return passwordHash{cost: hashCost{rounds: cost}, text: text}, nil
}
