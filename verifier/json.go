package verifier

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The limits of a JSON text inside a token. Its size is the token's.
const (
	maxDepth = 32 // open objects and arrays
	// fewNames is how many member names of one object are compared one by
	// one; the rest go into a map, so that no token costs quadratic time.
	fewNames = 24
)

// kind is what a JSON value is. The zero kind says that there is none.
type kind uint8

const (
	kindAbsent kind = iota
	kindNull
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// value is one JSON value as it is written in the text.
type value struct {
	kind    kind
	escaped bool   // a string with escapes
	text    string // the JSON, of a string without its quotes
}

// str returns what a string stands for.
func (v value) str() string {
	if v.escaped {
		return unescape(v.text)
	}
	return v.text
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// scanner reads one JSON text (RFC 8259) in one pass, without allocating. It
// is stricter than the RFC where readers differ: valid UTF-8 only, no lone
// surrogates, no two members of one name, nothing before or after the value.
type scanner struct {
	text  string
	pos   int
	depth int
	names []string // of the members of all open objects, the innermost last
	order *order   // nil: no guesses
	plain bool     // a string ends at the next quote: see isPlain
}

// scanObject reads text, which must be one object, and puts the members that
// known lists into their places. names is room for the others' names, order
// for what is remembered of claims; both may be nil.
func scanObject(text string, known vocabulary, into []value, names []string, order *order) error {
	s := scanner{text: text, names: names[:0], order: order, plain: isPlain(text)}
	if !s.plain && !utf8.ValidString(text) {
		return malformed("not UTF-8")
	}
	if s.skipSpace(); s.peek() != '{' {
		return malformed("not a JSON object")
	}
	if err := s.object(known, into); err != nil {
		return err
	}
	if s.skipSpace(); s.pos != len(s.text) {
		return malformed("data after the JSON object")
	}
	return nil
}

// peek returns the next byte, or 0, which no JSON text has outside of strings.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// next skips white space, then takes the byte c if it is there.
func (s *scanner) next(c byte) bool {
	s.skipSpace()
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) enter() error {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		return malformed("JSON nested too deep")
	}
	return nil
}

// object reads an object, at its brace. Members outside of known, which may be
// nil, are read and left out.
func (s *scanner) object(known vocabulary, into []value) error {
	if err := s.enter(); err != nil {
		return err
	}
	seen, at := nameSet{first: len(s.names)}, -1
	for more := !s.next('}'); more; {
		last, err := at, error(nil)
		if at = s.guess(known, last); at < 0 {
			if at, err = s.member(known, &seen); err != nil {
				return err
			}
			s.learn(known, last, at)
		}
		if at >= 0 && into[at].kind != kindAbsent {
			return malformed("two members of one name")
		}
		v, err := s.value()
		if err != nil {
			return err
		}
		if at >= 0 {
			into[at] = v
		}
		if more, err = s.more('}'); err != nil {
			return err
		}
	}
	s.names = s.names[:seen.first]
	s.depth--
	return nil
}

func (s *scanner) array() error {
	if err := s.enter(); err != nil {
		return err
	}
	for more := !s.next(']'); more; {
		_, err := s.value()
		if err != nil {
			return err
		}
		if more, err = s.more(']'); err != nil {
			return err
		}
	}
	s.depth--
	return nil
}

// more takes what follows an element: a comma, or the closing byte.
func (s *scanner) more(closing byte) (bool, error) {
	if s.next(',') {
		return true, nil
	}
	if s.next(closing) {
		return false, nil
	}
	return false, malformed("not JSON")
}

// member reads a member's name and its colon, and finds its place: below zero
// for one that is not known and that no other member has.
func (s *scanner) member(known vocabulary, seen *nameSet) (at int, err error) {
	name, err := s.name()
	if err != nil {
		return 0, err
	}
	at, err = known.find(name)
	if err == nil && at < 0 && !s.remember(seen, name) {
		err = malformed("two members of one name")
	}
	return at, err
}

// name reads a member's name and its colon.
func (s *scanner) name() (string, error) {
	if s.skipSpace(); s.peek() != '"' {
		return "", malformed("not JSON")
	}
	v, err := s.string()
	if err != nil {
		return "", err
	}
	if !s.next(':') {
		return "", malformed("not JSON")
	}
	return v.str(), nil
}

// nameSet is the names of one object: at first a part of scanner.names.
type nameSet struct {
	first int
	many  map[string]struct{}
}

// remember adds a name, unless it is there.
func (s *scanner) remember(set *nameSet, name string) bool {
	few := s.names[set.first:]
	for _, seen := range few {
		if seen == name {
			return false
		}
	}
	if len(few) < fewNames {
		s.names = append(s.names, name)
		return true
	}
	if set.many == nil {
		set.many = make(map[string]struct{})
	}
	before := len(set.many)
	set.many[name] = struct{}{}
	return len(set.many) > before
}

func (s *scanner) value() (value, error) {
	s.skipSpace()
	start := s.pos
	var (
		k   kind
		err error
	)
	switch c := s.peek(); {
	case c == '"':
		return s.string()
	case c == '-' || isDigit(c):
		k, err = kindNumber, s.number()
	case c == '{':
		k, err = kindObject, s.object(nil, nil)
	case c == '[':
		k, err = kindArray, s.array()
	case c == 't':
		k, err = kindTrue, s.literal("true")
	case c == 'f':
		k, err = kindFalse, s.literal("false")
	case c == 'n':
		k, err = kindNull, s.literal("null")
	default:
		err = malformed("not JSON")
	}
	return value{kind: k, text: s.text[start:s.pos]}, err
}

func (s *scanner) literal(want string) error {
	if !strings.HasPrefix(s.text[s.pos:], want) {
		return malformed("not JSON")
	}
	s.pos += len(want)
	return nil
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// number reads a number by the grammar of RFC 8259 section 6. What follows it
// is for the caller to judge: 01 is a number and then something else.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return malformed("not a JSON number")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return malformed("not a JSON number")
		}
	}
	if s.peek()|0x20 == 'e' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return malformed("not a JSON number")
		}
	}
	return nil
}

// digits takes digits and reports whether there was one.
func (s *scanner) digits() bool {
	start, i := s.pos, s.pos
	for i < len(s.text) && isDigit(s.text[i]) {
		i++
	}
	s.pos = i
	return i > start
}
