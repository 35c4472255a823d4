package denylist

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Pages of [Operator.List].
const (
	defaultPage = 100
	maxPage     = 1000
)

// parse returns the page's size and the position that it begins after.
func (q Query) parse() (limit int, after position, err error) {
	switch {
	case q.Scope != 0 && !q.Scope.Valid():
		return 0, position{}, fmt.Errorf("%w: %v", ErrInvalid, q.Scope)
	case q.Limit < 0 || q.Limit > maxPage:
		return 0, position{}, fmt.Errorf("%w: limit %d: want 1 to %d, or 0 for %d", ErrInvalid, q.Limit, maxPage, defaultPage)
	}
	after, err = parseCursor(q.Cursor)
	return cmp.Or(q.Limit, defaultPage), after, err
}

// position is where an entry stands in a list: by expiry, and among those of
// one millisecond by member. The zero position is before all.
type position struct {
	expires int64
	member  string
}

func positionOf(e Entry) position {
	return position{millis(e.ExpiresAt), e.member()}
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.expires, o.expires), cmp.Compare(p.member, o.member))
}

// cursor is the position as text.
func (p position) cursor() string { return strconv.FormatInt(p.expires, 10) + "." + p.member }

// parseCursor is the inverse of cursor. An empty one begins at the beginning.
func parseCursor(s string) (position, error) {
	if s == "" {
		return position{}, nil
	}
	ms, member, _ := strings.Cut(s, ".")
	expires, err := strconv.ParseInt(ms, 10, 64)
	p := position{expires, member}
	if err != nil || expires < 0 || expires > maxMillis || len(member) != len("t:")+digestLen || p.cursor() != s {
		return position{}, fmt.Errorf("%w: not a cursor of this list", ErrInvalid)
	}
	return p, nil
}

// scopeLetters name the scopes in keys and in the index.
const scopeLetters = " tsui"

// member is the entry's name in the index.
func (e Entry) member() string {
	if e.Digest != "" {
		return scopeLetters[e.Scope:e.Scope+1] + ":" + e.Digest
	}
	return member(e.Scope, e.Issuer, e.ID)
}

// named is e with the names that its digest stands for, if it has none.
func (e Entry) named(issuer, id string) Entry {
	if e.Issuer == "" && e.ID == "" {
		e.Digest, e.Issuer = "", issuer
		if e.Scope != ScopeIssuer {
			e.ID = id
		}
	}
	return e
}

// of is e, found as one of t's, with its names.
func (e Entry) of(t Token) Entry {
	if e.Scope == ScopeIssuer {
		return e.named(t.Issuer, "")
	}
	return e.named(t.Issuer, t.ids()[e.Scope])
}

// member names an entry: its scope's letter and its digest.
func member(s Scope, issuer, id string) string {
	return scopeLetters[s:s+1] + ":" + digest(issuer, id)
}
