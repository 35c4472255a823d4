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
const noteVersion = "1"

// A note is what a chain keeps, beside the successor's jti and times, to sign
// the same successor again (R11): the version and the access token's exp. The
// rest is in the token that is presented again. Scopes are copied unchanged,
// so a chain does not pay for them.
func encodeNote(m mint) string {
	return noteVersion + " " + strconv.FormatInt(m.accessExpiry.Unix(), 10)
}

// mintOf is the generation on record, of which a store that was tampered with
// must not make one that outlives its session.
func mintOf(s denylist.Successor, d descent) (mint, error) {
	version, exp, ok := strings.Cut(s.Note, " ")
	seconds, err := strconv.ParseInt(exp, 10, 64)
	if !ok || err != nil || version != noteVersion {
		return mint{}, fmt.Errorf("rotation: successor of another version on record: %w", denylist.ErrUnavailable)
	}
	m := mint{id: s.ID, issuedAt: s.IssuedAt, accessExpiry: time.Unix(seconds, 0)}
	if d.style == Pair {
		m.refreshExpiry = s.ExpiresAt
	}
	if m.accessExpiry.After(d.sessionEnd) || m.refreshExpiry.After(d.sessionEnd) {
		return mint{}, fmt.Errorf("rotation: successor on record outlives its session: %w", denylist.ErrUnavailable)
	}
	return m, nil
}
