package verifier

import "encoding/binary"

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// notBase64 marks the bytes outside the alphabet: a sextet has six bits.
const notBase64 = 0xff

// sextets is what each byte stands for. It is never written to.
var sextets = func() (table [256]byte) {
	for i := range table {
		table[i] = notBase64
	}
	for i := range len(base64URL) {
		table[base64URL[i]] = byte(i)
	}
	return table
}()

// appendBase64 decodes src, base64url without padding (RFC 7515 section 2),
// onto dst, of whose capacity it may overwrite all. It reports false for any other byte, for a length that nothing
// encodes to, and for trailing bits that are not zero: one sequence of bytes
// has one spelling. encoding/base64 would skip CR and LF, even when strict.
func appendBase64(dst []byte, src string) ([]byte, bool) {
	n := len(dst)
	for whole := dst[:cap(dst)]; len(src) >= 8 && len(whole)-n >= 8; src, n = src[8:], n+6 {
		a, b, c, d := sextets[src[0]], sextets[src[1]], sextets[src[2]], sextets[src[3]]
		e, f, g, h := sextets[src[4]], sextets[src[5]], sextets[src[6]], sextets[src[7]]
		if a|b|c|d|e|f|g|h == notBase64 {
			return dst[:n], false
		}
		// Two bytes too many, which the next ones replace.
		binary.BigEndian.PutUint64(whole[n:], uint64(a)<<58|uint64(b)<<52|uint64(c)<<46|uint64(d)<<40|
			uint64(e)<<34|uint64(f)<<28|uint64(g)<<22|uint64(h)<<16)
	}
	dst = dst[:n]
	for ; len(src) >= 4; src = src[4:] {
		a, b, c, d := sextets[src[0]], sextets[src[1]], sextets[src[2]], sextets[src[3]]
		if a|b|c|d == notBase64 {
			return dst, false
		}
		dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	}
	switch len(src) {
	case 0:
		return dst, true
	case 2:
		a, b := sextets[src[0]], sextets[src[1]]
		return append(dst, a<<2|b>>4), a|b != notBase64 && b&0x0f == 0
	case 3:
		a, b, c := sextets[src[0]], sextets[src[1]], sextets[src[2]]
		return append(dst, a<<2|b>>4, b<<4|c>>2), a|b|c != notBase64 && c&0x03 == 0
	default:
		return dst, false
	}
}
