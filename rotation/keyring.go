package rotation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// handover is how long other processes that share a ring's directory may go on
// signing with a key that was rotated away: until their next Reload.
const handover = time.Hour

// defaultTokenLife is the longest policy for any token of ours.
const defaultTokenLife = 90 * 24 * time.Hour

// Errors of a KeyRing. A kid that it does not have is verifier.ErrUnknownKey,
// one that was withdrawn verifier.ErrKeyWithdrawn.
var (
	// ErrNoKey: the ring has no key that signs. Generate makes one.
	ErrNoKey = errors.New("rotation: no signing key")
	// ErrKeyInUse: tokens that the key signed may still live.
	ErrKeyInUse = errors.New("rotation: key is in use")
	// ErrKeyFile: the ring's file is not one, or others can read it.
	ErrKeyFile = errors.New("rotation: key file refused")
)

// KeyRing holds an issuer's signing keys: one signs, others wait to sign, or
// still verify until the last token that they signed is dead. It is a
// verifier.KeySet and safe for concurrent use.
//
// Nothing that formats a KeyRing shows a secret.
type KeyRing struct {
	tokenLife time.Duration
	now       func() time.Time
	current   atomic.Pointer[keysInForce]

	writing sync.Mutex // one change at a time in this process; a lock file does it for all
	dir     *keyDir    // nil: in memory

	loading sync.Mutex // guards what follows, and who replaces current
	seen    fileStamp  // of the file that current was read from
	tried   fileStamp  // of the file that was read last, whether or not it was good
}

// KeyRingOptions are the settings of a [KeyRing].
type KeyRingOptions struct {
	// TokenLife is how long a token may live: a key that no longer signs
	// verifies for that much longer, plus denylist.MaxLeeway, plus an hour in
	// which other processes that share the directory may still sign with it.
	// Default 90 d.
	TokenLife time.Duration
	Now       func() time.Time // default time.Now
}

// KeyState is what a key does.
type KeyState string

// The states of a key, in the order of its life.
const (
	Waiting   KeyState = "waiting"   // published, so that verifiers know it before it signs
	Signing   KeyState = "signing"   // signs, and verifies
	Verifying KeyState = "verifying" // no longer signs; verifies until VerifiesUntil
	Withdrawn KeyState = "withdrawn" // does neither, and says so: see Withdraw
)

// KeyInfo describes a key without its secret.
type KeyInfo struct {
	ID            string
	Algorithm     verifier.Algorithm
	State         KeyState
	CreatedAt     time.Time
	SignsSince    time.Time // zero while Waiting
	VerifiesUntil time.Time // zero unless Verifying
	WithdrawnAt   time.Time // zero unless Withdrawn
}

// NewKeyRing returns a ring in memory with one new signing key.
func NewKeyRing(alg verifier.Algorithm, opts KeyRingOptions) (*KeyRing, error) {
	r, err := newKeyRing(nil, opts)
	if err != nil {
		return nil, err
	}
	if _, err := r.Generate(alg); err != nil {
		return nil, err
	}
	return r, nil
}

// OpenKeyRing opens the ring in a directory, which need not have keys yet, nor
// exist: the first key makes it.
func OpenKeyRing(dir string, opts KeyRingOptions) (*KeyRing, error) {
	if dir == "" {
		return nil, errors.New("rotation: opening a key ring: no directory named")
	}
	r, err := newKeyRing(&keyDir{path: dir}, opts)
	if err != nil {
		return nil, err
	}
	if err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

func newKeyRing(dir *keyDir, opts KeyRingOptions) (*KeyRing, error) {
	if opts.TokenLife < 0 || opts.TokenLife > maxSession {
		return nil, fmt.Errorf("rotation: opening a key ring: token life %v: want at most %v", opts.TokenLife, maxSession)
	}
	if opts.TokenLife == 0 {
		opts.TokenLife = defaultTokenLife
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := &KeyRing{tokenLife: opts.TokenLife, now: opts.Now, dir: dir}
	r.force(ring{})
	return r, nil
}

// Generate makes a key. The first one signs at once, each later one waits.
func (r *KeyRing) Generate(alg verifier.Algorithm) (KeyInfo, error) {
	return r.change(func(keys ring, now time.Time) (ring, string, error) {
		key, err := generateKey(alg, now)
		if err != nil {
			return nil, "", err
		}
		if _, ok := keys.signing(); !ok {
			key.signsSince = now
		}
		return append(keys, key), key.id, nil
	})
}

// Rotate lets the key that has waited longest sign; where none waits, a new
// one of the same algorithm. The one that signed until now goes on verifying.
func (r *KeyRing) Rotate() (KeyInfo, error) {
	return r.change(r.rotate)
}

func (r *KeyRing) rotate(keys ring, now time.Time) (ring, string, error) {
	old, signs := keys.signing()
	next, waits := keys.waiting()
	if !waits {
		if !signs {
			return nil, "", ErrNoKey
		}
		key, err := generateKey(keys[old].alg, now)
		if err != nil {
			return nil, "", err
		}
		keys = append(keys, key)
		next = len(keys) - 1
	}
	if signs {
		keys[old].verifiesUntil = now.Add(r.tokenLife + denylist.MaxLeeway + handover)
	}
	keys[next].signsSince = now
	return keys, keys[next].id, nil
}

// Retire removes a key. While tokens that it signed may live (and while it
// signs) that needs force, and ends them all. Of a key that signs, another
// takes over as in Rotate.
func (r *KeyRing) Retire(kid string, force bool) error {
	_, err := r.change(func(keys ring, now time.Time) (ring, string, error) {
		i, ok := keys.find(kid)
		if !ok {
			return nil, "", fmt.Errorf("rotation: retiring a key: %w", verifier.ErrUnknownKey)
		}
		state := keys[i].state()
		if state != Waiting && !keys[i].dead(now) && !force {
			return nil, "", fmt.Errorf("%w: %s is %s", ErrKeyInUse, kid, state)
		}
		if state == Signing {
			var err error
			if keys, _, err = r.rotate(keys, now); err != nil {
				return nil, "", err
			}
		}
		return append(keys[:i], keys[i+1:]...), "", nil
	})
	return err
}

// change edits a copy of the keys, writes it and puts it in force. In a
// directory it starts from what is there, under a lock that all processes
// share. The edit names the key that it was about.
func (r *KeyRing) change(edit func(keys ring, now time.Time) (ring, string, error)) (KeyInfo, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.dir != nil {
		unlock, err := r.dir.lock()
		if err != nil {
			return KeyInfo{}, err
		}
		defer unlock()
		if err := r.Reload(); err != nil {
			return KeyInfo{}, err
		}
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	keys, about, err := edit(r.current.Load().keys.clone(), now)
	if err != nil {
		return KeyInfo{}, err
	}
	if err := r.store(keys); err != nil {
		return KeyInfo{}, err
	}
	i, ok := keys.find(about)
	if !ok {
		return KeyInfo{}, nil
	}
	return keys[i].info(), nil
}

// store writes the keys, if they are kept anywhere, and puts them in force.
func (r *KeyRing) store(keys ring) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	if r.dir != nil {
		data, err := encodeRing(keys)
		if err != nil {
			return err
		}
		stamp, err := r.dir.write(data)
		if err != nil {
			return err
		}
		r.seen, r.tried = stamp, stamp
	}
	r.force(keys)
	return nil
}

// Reload reads the directory again, if it has changed. A directory that cannot
// be read leaves the keys as they are. Where nothing changed it costs one
// stat: a server calls it every few seconds, so that keys which another
// process rotates or retires are soon the same everywhere.
func (r *KeyRing) Reload() error {
	if r.dir == nil {
		return nil
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	stamp, err := r.dir.stat()
	if err != nil || stamp == r.seen {
		return err
	}
	return r.load(stamp)
}

// load reads the file that was just seen and puts its keys in force.
func (r *KeyRing) load(stamp fileStamp) error {
	r.tried = stamp
	if stamp == (fileStamp{}) {
		return fmt.Errorf("%w: it is gone", ErrKeyFile)
	}
	data, stamp, err := r.dir.read()
	if err != nil {
		return err
	}
	keys, err := decodeRing(data)
	if err != nil {
		return err
	}
	r.force(keys)
	r.seen, r.tried = stamp, stamp
	return nil
}

// List describes the keys, oldest first.
func (r *KeyRing) List() []KeyInfo {
	keys := r.current.Load().keys
	infos := make([]KeyInfo, len(keys))
	for i, k := range keys {
		infos[i] = k.info()
	}
	return infos
}

// Key implements verifier.KeySet. A key that another process has just made is
// found too: of a kid that it does not know, the ring looks at its directory.
func (r *KeyRing) Key(_ context.Context, kid string) (verifier.Key, error) {
	if key, ok := r.inForce().key(kid, r.now); ok {
		return key, nil
	}
	if r.lookAgain() {
		if key, ok := r.inForce().key(kid, r.now); ok {
			return key, nil
		}
	}
	if r.inForce().withdrawn(kid) {
		return verifier.Key{}, fmt.Errorf("rotation: %w", verifier.ErrKeyWithdrawn)
	}
	return verifier.Key{}, fmt.Errorf("rotation: %w", verifier.ErrUnknownKey)
}

// lookAgain is Reload for callers that may be made to call it at will: a file
// that could not be read is not read again before it changes.
func (r *KeyRing) lookAgain() bool {
	if r.dir == nil {
		return false
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	stamp, err := r.dir.stat()
	if err != nil || stamp == r.tried {
		return false
	}
	return r.load(stamp) == nil
}

// Sign returns claims, which should be a JSON object, as a token of the given
// typ: the bytes are signed as they are. The signing key's kid and alg go into
// its header.
func (r *KeyRing) Sign(typ string, claims []byte) (string, error) {
	keys := r.current.Load().keys
	i, ok := keys.signing()
	if !ok {
		return "", ErrNoKey
	}
	return keys[i].sign(typ, claims)
}

// String names the ring and none of its secrets.
func (r *KeyRing) String() string {
	return fmt.Sprintf("rotation.KeyRing(%d keys)", len(r.current.Load().keys))
}

// GoString is String: %#v shows no more.
func (r *KeyRing) GoString() string { return r.String() }
