package scenario

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// stream is the random numbers of one purpose, apart from those of any other:
// what one scenario draws must not change what another one sees.
func stream(seed uint64, purpose string, n int) *rand.ChaCha8 {
	in := append([]byte("rescind bench\x00"+purpose+"\x00"), make([]byte, 16)...)
	binary.BigEndian.PutUint64(in[len(in)-16:], seed)
	binary.BigEndian.PutUint64(in[len(in)-8:], uint64(n))
	return rand.NewChaCha8(sha256.Sum256(in))
}

// idLen is the length of a UUID as text.
const idLen = 36

// appendID appends a random UUID (RFC 9562, version 4).
func appendID(to []byte, from *rand.ChaCha8) []byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], from.Uint64())
	binary.LittleEndian.PutUint64(b[8:], from.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, part)
	}
	return to
}

// newIDs are n random UUIDs that share one allocation.
func newIDs(from *rand.ChaCha8, n int) []string {
	text := make([]byte, 0, n*idLen)
	for range n {
		text = appendID(text, from)
	}
	all, ids := string(text), make([]string, n)
	for i := range ids {
		ids[i] = all[i*idLen : (i+1)*idLen]
	}
	return ids
}
