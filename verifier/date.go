package verifier

import (
	"strings"
	"time"
)

// maxSeconds is the last second of the year 9999. What is later is not a date
// but an attack on somebody's arithmetic: exp = 18446744073709552 overflows
// to a time in 1970 elsewhere, and makes a token that no store can deny.
const maxSeconds = 253402300799

// beyond stands for every instant after maxSeconds.
var beyond = time.Unix(maxSeconds+1, 0).UTC()

// numericDate reads the JSON number of a NumericDate (RFC 7519 section 2):
// seconds since 1970, fractions and exponents included, exactly. What is finer
// than a nanosecond is cut off, so that no token lives longer than it says;
// what is later than maxSeconds is beyond. It reports false for an instant
// before 1970.
func numericDate(number string) (time.Time, bool) {
	if seconds, ok := digitsOnly(number); ok {
		return time.Unix(min(seconds, maxSeconds+1), 0).UTC(), true
	}
	mantissa, exponent := number, 0
	if e := strings.IndexAny(number, "eE"); e >= 0 {
		mantissa, exponent = number[:e], exponentOf(number[e+1:])
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d := decimal{whole: whole, fraction: fraction}

	first := d.firstDigit()
	point := len(whole) + exponent // of that many digits the integer consists
	switch {
	case first == d.len():
		return time.Unix(0, 0).UTC(), true // zero, in one of its spellings
	case negative:
		return time.Time{}, false
	case point-first > len("253402300799"):
		return beyond, true
	}
	seconds := d.read(first, point)
	if seconds > maxSeconds {
		return beyond, true
	}
	return time.Unix(seconds, d.read(point, point+9)).UTC(), true
}

// digitsOnly reads a number of few enough digits and nothing else: what nearly
// all tokens have.
func digitsOnly(number string) (n int64, ok bool) {
	if len(number) == 0 || len(number) > 18 {
		return 0, false
	}
	for i := range len(number) {
		if !isDigit(number[i]) {
			return 0, false
		}
		n = 10*n + int64(number[i]-'0')
	}
	return n, true
}

// exponentOf reads an exponent. Its bound is far more than the digits of any
// token can make up for.
func exponentOf(text string) int {
	const bound = 16 * MaxTokenSize
	sign, n := 1, 0
	for _, c := range []byte(text) {
		switch {
		case c == '-':
			sign = -1
		case isDigit(c) && n < bound:
			n = 10*n + int(c-'0')
		}
	}
	return sign * min(n, bound)
}

// decimal is a string of digits, with a point somewhere in it.
type decimal struct{ whole, fraction string }

func (d decimal) len() int { return len(d.whole) + len(d.fraction) }

// digit is one of the digits, counted from the left. Outside of those that are
// written there are only zeros.
func (d decimal) digit(i int) int64 {
	switch {
	case i < 0 || i >= d.len():
		return 0
	case i < len(d.whole):
		return int64(d.whole[i] - '0')
	default:
		return int64(d.fraction[i-len(d.whole)] - '0')
	}
}

// firstDigit finds the first digit that is not 0; len if there is none.
func (d decimal) firstDigit() int {
	i := 0
	for i < d.len() && d.digit(i) == 0 {
		i++
	}
	return i
}

// read is the number that the digits in [from, to) make; at most 18 of them.
func (d decimal) read(from, to int) int64 {
	n := int64(0)
	for i := from; i < to; i++ {
		n = 10*n + d.digit(i)
	}
	return n
}
