package rotation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// noteVersion is of the claims that sign makes of a descent and a mint. A node
// that does not know it must not sign again what another node signed: the
// answer would not be the same successor.
const noteVersion = "2"

const (
	// wholeGrant stands in a note for the scope that was granted, which is in
	// the token that is presented again: a chain does not pay for it.
	wholeGrant = "*"
	// maxOtherScope is the most bytes of a scope that is not the whole grant:
	// it has to have room in a note beside the rest.
	maxOtherScope = 900
)

// A note is what a chain keeps, beside the successor's jti and times, to sign
// the same successor again (R11): the version, the access token's exp, the
// version of its claims, the mark that it was renewed for, and its scope. The
// rest is in the token that is presented again.
func encodeNote(m mint, grant string) string {
	scope := wholeGrant
	if m.scope != grant {
		scope = "=" + m.scope
	}
	return strings.Join([]string{
		noteVersion,
		strconv.FormatInt(m.accessExpiry.Unix(), 10),
		strconv.FormatInt(m.version, 10),
		strconv.FormatInt(m.marked, 10),
		scope,
	}, " ")
}

// mintOf is the generation on record, of which a store that was tampered with
// must not make one that outlives its session.
func mintOf(s denylist.Successor, d descent) (mint, error) {
	m := mint{id: s.ID, issuedAt: s.IssuedAt, scope: d.scope}
	if !m.readNote(s.Note) {
		return mint{}, fmt.Errorf("rotation: successor of another version on record: %w", denylist.ErrUnavailable)
	}
	if d.style == Pair {
		m.refreshExpiry = s.ExpiresAt
	}
	if m.accessExpiry.After(d.sessionEnd) || m.refreshExpiry.After(d.sessionEnd) {
		return mint{}, fmt.Errorf("rotation: successor on record outlives its session: %w", denylist.ErrUnavailable)
	}
	return m, nil
}

// readNote reads a note of this version or of version 1, which had only the
// access token's exp.
func (m *mint) readNote(note string) bool {
	version, rest, _ := strings.Cut(note, " ")
	numbers := []*int64{new(int64), &m.version, &m.marked}
	switch version {
	case "1":
		numbers, rest = numbers[:1], rest+" "+wholeGrant
	case noteVersion:
	default:
		return false
	}
	for _, n := range numbers {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		var err error
		if *n, err = strconv.ParseInt(word, 10, 64); err != nil {
			return false
		}
	}
	m.accessExpiry = time.Unix(*numbers[0], 0)
	if rest == wholeGrant {
		return m.version >= 0 && m.marked >= 0
	}
	scope, other := strings.CutPrefix(rest, "=")
	m.scope = scope
	return other && m.version >= 0 && m.marked >= 0 && isScope(scope)
}

// isScope reports whether a scope is as narrow and FreshClaims make them.
func isScope(scope string) bool {
	if len(scope) > maxOtherScope {
		return false
	}
	for word := range strings.SplitSeq(scope, " ") {
		if scope != "" && !isScopeToken(word) {
			return false
		}
	}
	return true
}
