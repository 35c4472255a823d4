package denylist

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// placing is where the tables of this process place entries. It is random, and
// nobody writes to it: a token that is prepared finds its places once, for all
// mirrors, whatever tables they have by then.
var placing = newPlacement()

// placement is a keyed hash of digests. Digests are SHA-256's, but whoever may
// choose ids can search for any that he likes: only the secret keeps him from
// filling one place.
type placement struct {
	mask   [len(scopeNames)][2]uint64 // what tells the scopes' digests apart
	secret [4]uint64
}

func newPlacement() *placement {
	p := &placement{}
	for s := range p.mask {
		p.mask[s] = [2]uint64{randomWord(), randomWord()}
	}
	for i := range p.secret {
		p.secret[i] = randomWord()
	}
	return p
}

// randomWord is random to everybody: crypto/rand does not fail.
func randomWord() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// slotKey is a key as slots hold it. A first word of zero is an empty slot, so
// no key has it: the masks are random, and one key in 2⁶⁴ gives up a bit.
type slotKey struct{ a, b uint64 }

func (p *placement) slotKey(s Scope, digest *[rawDigestLen]byte) slotKey {
	mask := &p.mask[s]
	return slotKey{
		a: max(binary.LittleEndian.Uint64(digest[:8])^mask[0], 1),
		b: binary.LittleEndian.Uint64(digest[8:]) ^ mask[1],
	}
}

// key is the inverse of slotKey.
func (p *placement) key(s Scope, k slotKey) mirrorKey {
	key := mirrorKey{scope: s}
	binary.LittleEndian.PutUint64(key.digest[:8], k.a^p.mask[s][0])
	binary.LittleEndian.PutUint64(key.digest[8:], k.b^p.mask[s][1])
	return key
}

// place spreads keys over shards (low bits) and slots (high bits). Two rounds
// of multiplication cost a quarter of SipHash, and of what hash/maphash costs
// here a tenth.
func (p *placement) place(k slotKey) uint64 {
	hi, lo := bits.Mul64(k.a^p.secret[0], k.b^p.secret[1])
	hi, lo = bits.Mul64(hi^p.secret[2], lo^p.secret[3])
	return hi ^ lo
}
