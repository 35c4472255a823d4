package verifier

import "encoding/binary"

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// notBase64 marks the bytes outside the alphabet: four sextets have 24 bits.
const notBase64 = 1 << 24

// sextets is what each byte stands for as the first to the fourth of four, in
// its place. It is never written to.
var sextets = func() (table [4][256]uint32) {
	for place := range table {
		for i := range table[place] {
			table[place][i] = notBase64
		}
		for i := range len(base64URL) {
			table[place][base64URL[i]] = uint32(i) << (18 - 6*place)
		}
	}
	return table
}()

// sextetsOf is what four bytes stand for.
func sextetsOf(s string) uint32 {
	_ = s[3]
	return sextets[0][s[0]] | sextets[1][s[1]] | sextets[2][s[2]] | sextets[3][s[3]]
}

// appendBase64 decodes src, base64url without padding (RFC 7515 section 2),
// onto dst, of whose capacity it may overwrite all. It reports false for any
// other byte, for a length that nothing encodes to, and for trailing bits that
// are not zero: one sequence of bytes has one spelling. encoding/base64 would
// skip CR and LF, even when strict.
func appendBase64(dst []byte, src string) ([]byte, bool) {
	room, n, bad := dst[len(dst):cap(dst)], 0, uint32(0)
	for len(src) >= 8 && len(room)-n >= 8 {
		a, b := sextetsOf(src), sextetsOf(src[4:])
		bad |= a | b
		// Two bytes too many, which the next ones replace.
		binary.BigEndian.PutUint64(room[n:], uint64(a)<<40|uint64(b)<<16)
		src, n = src[8:], n+6
	}
	dst = dst[:len(dst)+n]
	for ; len(src) >= 4; src = src[4:] {
		a := sextetsOf(src)
		bad |= a
		dst = append(dst, byte(a>>16), byte(a>>8), byte(a))
	}
	last := uint32(0)
	for place := range len(src) {
		last |= sextets[place][src[place]]
	}
	bad |= last
	switch len(src) {
	case 1:
		return dst, false
	case 2:
		return append(dst, byte(last>>16)), bad < notBase64 && last&0xffff == 0
	case 3:
		return append(dst, byte(last>>16), byte(last>>8)), bad < notBase64 && last&0xff == 0
	default:
		return dst, bad < notBase64
	}
}
