package verifier

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string, at its opening quote.
func (s *scanner) string() (value, error) {
	start, escaped := s.pos+1, false
	if s.plain {
		n := strings.IndexByte(s.text[start:], '"')
		if n < 0 {
			return value{}, malformed("unfinished JSON string")
		}
		s.pos = start + n + 1
		return value{kind: kindString, text: s.text[start : start+n]}, nil
	}
	for i := s.skipPlain(start); i < len(s.text); i = s.skipPlain(i + 1) {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return value{kind: kindString, escaped: escaped, text: s.text[start:i]}, nil
		case c == '\\':
			_, n := escape(s.text[i:])
			if n == 0 {
				return value{}, malformed("bad escape in a JSON string")
			}
			escaped = true
			i += n - 1
		case c < ' ':
			return value{}, malformed("control character in a JSON string")
		}
	}
	return value{}, malformed("unfinished JSON string")
}

// isPlain reports whether text is printable ASCII without a backslash, as the
// claims of nearly all tokens are: then nothing in a string needs a look. A
// text that is too short to tell is not.
func isPlain(text string) bool {
	if len(text) < 8 {
		return false
	}
	for rest := text; len(rest) > 8; rest = rest[8:] {
		if !isPlainWord(word(rest)) {
			return false
		}
	}
	return isPlainWord(word(text[len(text)-8:]))
}

func isPlainWord(w uint64) bool {
	slash := w ^ '\\'*everyByte
	return isPrintable(w) && (slash-everyByte)&^slash&everyTop == 0
}

// skipPlain is where the string goes on that is plain at least up to there:
// eight bytes are read at once, and the last few one by one.
func (s *scanner) skipPlain(i int) int {
	for len(s.text)-i >= 8 {
		plain := plainBytes(word(s.text[i:]))
		if i += plain; plain < 8 {
			break
		}
	}
	return i
}

// plainBytes is how many of eight bytes, from the first, neither end a string
// nor escape anything nor are control characters. What a subtraction borrows
// can only mark a byte after one that is marked rightly.
func plainBytes(w uint64) int {
	quote, slash := w^'"'*everyByte, w^'\\'*everyByte
	marks := (quote-everyByte)&^quote | (slash-everyByte)&^slash | (w-' '*everyByte)&^w
	return bits.TrailingZeros64(marks&everyTop) / 8
}

// escape reads the escape that text begins with and returns its character and
// its length: 0 for none of RFC 8259 section 7, and for half a surrogate pair,
// which stands for nothing.
func escape(text string) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	first, ok := codeUnit(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := codeUnit(text[6:])
	r := utf16.DecodeRune(first, second)
	if !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// codeUnit reads the \uXXXX that text begins with.
func codeUnit(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil
}

// unescape returns what a string that has been read stands for.
func unescape(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for {
		plain, _, found := strings.Cut(text, `\`)
		b.WriteString(plain)
		if !found {
			return b.String()
		}
		r, n := escape(text[len(plain):])
		if n == 0 { // cannot be: the scanner has read it
			return b.String()
		}
		b.WriteRune(r)
		text = text[len(plain)+n:]
	}
}

// each calls yield with a string, or with each string of an array, until it
// returns false. ok is false for any other value; one that is absent is none.
func (v value) each(yield func(string) bool) (ok bool) {
	switch v.kind {
	case kindAbsent:
		return true
	case kindString:
		yield(v.str())
		return true
	case kindArray:
		s := scanner{text: v.text, pos: len("[")}
		return s.eachString(yield)
	}
	return false
}

func (s *scanner) eachString(yield func(string) bool) (ok bool) {
	for more := !s.next(']'); more; more = s.next(',') {
		if s.skipSpace(); s.peek() != '"' {
			return false
		}
		element, err := s.string()
		if err != nil {
			return false
		}
		if !yield(element.str()) {
			return true
		}
	}
	return true
}
