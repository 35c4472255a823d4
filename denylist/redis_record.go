package denylist

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// logRecord is one record of a partition's log (docs/redis-schema.md).
type logRecord struct {
	mark   mark // behind it; the record does not know its epoch
	at     time.Time
	member string

	revoked, reinstated        bool
	cutoff, effective, expires time.Time
}

// recordFields are how many fields a record has.
const recordFields = 5

// parseRecord reads a record, and nothing that a script would not write.
func parseRecord(m redis.XMessage) (logRecord, error) {
	var text [recordFields]string
	for i, name := range [recordFields]string{"n", "m", "r", "e", "x"} {
		value, ok := m.Values[name].(string)
		if !ok || len(m.Values) != recordFields {
			return logRecord{}, foreignRecord(m)
		}
		text[i] = value
	}
	seq, badSeq := parseSeq(text[0])
	at, badID := parseStreamID(m.ID)
	if badSeq != nil || badID != nil || seq == 0 || !validMember(text[1]) {
		return logRecord{}, foreignRecord(m)
	}
	r := logRecord{mark: mark{seq: seq, id: m.ID}, at: at, member: text[1]}
	if err := r.fill(text[2], text[3], text[4]); err != nil {
		return logRecord{}, foreignRecord(m)
	}
	return r, nil
}

// fill reads what a change left of the revoked half, the effective-from and
// the expiry.
func (r *logRecord) fill(revoked, effective, expires string) error {
	wide, err := scopeOf(r.member).Wide(), error(nil)
	switch revoked {
	case absent:
	case "+":
		r.revoked = true
	case "!":
		r.reinstated = true
	default:
		r.revoked = true
		r.cutoff, err = parseInstant(revoked)
	}
	if err == nil && effective != absent {
		r.effective, err = parseInstant(effective)
	}
	if err == nil {
		r.expires, err = parseInstant(expires)
	}
	switch {
	case err != nil:
		return err
	case r.revoked && wide != (revoked != "+"), // wide scopes have a cutoff, and only they
		effective != absent && scopeOf(r.member) != ScopeToken,
		revoked == absent && effective == absent:
		return errForeign
	}
	return nil
}

// change is a record as it is told, but for the entry.
func (r logRecord) change(at marks) Change {
	return Change{
		Position: at.String(), At: r.at, Scope: scopeOf(r.member), Digest: r.member[len("t:"):],
		Revoked: r.revoked, Cutoff: r.cutoff, Reinstated: r.reinstated,
		EffectiveFrom: r.effective, ExpiresAt: r.expires,
	}
}

func foreignRecord(m redis.XMessage) error {
	return fmt.Errorf("%w in the log: record %.40q", errForeign, m.ID)
}

func parseInstant(text string) (time.Time, error) {
	ms, err := parseMillis(text)
	if err != nil {
		return time.Time{}, err
	}
	return atMillis(ms), nil
}

// parseSeq reads a sequence number: canonical, and exact in Lua.
func parseSeq(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, errForeign
	}
	return n, nil
}

// parseStreamID reads the id of a record, which begins with Redis's clock.
func parseStreamID(id string) (time.Time, error) {
	ms, n, _ := strings.Cut(id, "-")
	at, err := strconv.ParseUint(ms, 10, 64)
	if err != nil || at > uint64(maxMillis) || strconv.FormatUint(at, 10) != ms {
		return time.Time{}, errForeign
	}
	if i, err := strconv.ParseUint(n, 10, 64); err != nil || strconv.FormatUint(i, 10) != n {
		return time.Time{}, errForeign
	}
	return atMillis(int64(at)), nil
}

// mark is how far a partition's log has been told.
type mark struct {
	epoch string // stands for the partition's epoch; empty: it had none
	seq   uint64
	id    string // of the last record
}

// noRecord is before every record.
const noRecord = "0-0"

// epochMark is what stands for an epoch in a position. Other programs' epochs
// may be any text.
func epochMark(epoch string) string {
	sum := sha256.Sum256([]byte(epoch))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func (m mark) String() string { return m.epoch + "." + strconv.FormatUint(m.seq, 10) + "." + m.id }

// parseMark is the inverse of mark.String.
func parseMark(text string) (mark, error) {
	f := strings.Split(text, ".")
	if len(f) != 3 {
		return mark{}, errForeign
	}
	seq, err := parseSeq(f[1])
	if err != nil {
		return mark{}, err
	}
	if _, err := parseStreamID(f[2]); err != nil {
		return mark{}, err
	}
	return mark{epoch: f[0], seq: seq, id: f[2]}, nil
}

// marks are those of all partitions; as text, a position.
type marks []mark

func (ms marks) String() string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.String()
	}
	return strings.Join(texts, ",")
}

// parseMarks is the inverse of marks.String, for a number of partitions.
func parseMarks(position string, partitions int) (marks, error) {
	// The longest mark of a script's making has 8 + 16 + 36 bytes.
	if len(position) > 64*partitions {
		return nil, errForeign
	}
	texts := strings.Split(position, ",")
	if len(texts) != partitions {
		return nil, errForeign
	}
	ms := make(marks, partitions)
	for i, text := range texts {
		var err error
		if ms[i], err = parseMark(text); err != nil {
			return nil, err
		}
	}
	return ms, nil
}
