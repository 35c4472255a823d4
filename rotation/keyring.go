package rotation

import (
	"context"
	"time"

	"github.com/rescindhq/rescind/verifier"
)

// KeyRing holds an issuer's signing keys: one signs, others wait to sign, or
// still verify until the last token that they signed is dead. It is a
// verifier.KeySet and safe for concurrent use.
type KeyRing struct{}

// KeyRingOptions are the settings of a [KeyRing].
type KeyRingOptions struct {
	// TokenLife is how long a token may live: a key that no longer signs
	// verifies for that much longer, plus denylist.MaxLeeway. Default 90 d.
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
)

// KeyInfo describes a key without its secret.
type KeyInfo struct {
	ID            string
	Algorithm     verifier.Algorithm
	State         KeyState
	CreatedAt     time.Time
	SignsSince    time.Time // zero while Waiting
	VerifiesUntil time.Time // zero unless Verifying
}

// NewKeyRing returns a ring in memory with one new signing key.
func NewKeyRing(alg verifier.Algorithm, opts KeyRingOptions) (*KeyRing, error) { panic("skeleton") }

// OpenKeyRing opens the ring in a directory, which need not have keys yet.
func OpenKeyRing(dir string, opts KeyRingOptions) (*KeyRing, error) { panic("skeleton") }

// Generate makes a key. The first one signs at once, each later one waits.
func (r *KeyRing) Generate(alg verifier.Algorithm) (KeyInfo, error) { panic("skeleton") }

// Rotate lets the key that has waited longest sign; where none waits, a new
// one of the same algorithm.
func (r *KeyRing) Rotate() (KeyInfo, error) { panic("skeleton") }

// Retire removes a key. While tokens that it signed may live (and while it
// signs) that needs force, and ends them all.
func (r *KeyRing) Retire(kid string, force bool) error { panic("skeleton") }

// List describes the keys, oldest first.
func (r *KeyRing) List() []KeyInfo { panic("skeleton") }

// JWKS is the public half as a JWK set (RFC 7517): no symmetric keys, no
// private members.
func (r *KeyRing) JWKS() ([]byte, error) { panic("skeleton") }

// Reload reads the directory again, if it has changed. A directory that cannot
// be read leaves the keys as they are.
func (r *KeyRing) Reload() error { panic("skeleton") }

// Key implements verifier.KeySet.
func (r *KeyRing) Key(ctx context.Context, kid string) (verifier.Key, error) { panic("skeleton") }

// Sign returns claims, a JSON object, as a token of the given typ. The
// signing key's kid and alg go into its header.
func (r *KeyRing) Sign(typ string, claims []byte) (string, error) { panic("skeleton") }
