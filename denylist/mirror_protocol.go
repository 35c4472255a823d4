package denylist

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// mirrorSink takes what a mirror reads: a table.
type mirrorSink interface {
	put(mirrorKey, mirrorRecord) error
	resolve(mirrorKey, mirrorRecord) error
	remove(mirrorKey)
}

// mirrorProtocol decides what of Redis's answers is new, whether any is
// missing, and since when the table is complete. It does no I/O and reads no
// clock, so that a test can explore all that may happen to it.
//
// A table is complete as of an instant if all that Redis had acknowledged by
// then is in it. What proves that is a read that was *sent* at that instant, or
// later: meta's number, which it read, counts all changes that were
// acknowledged before, and the table has them all once the mark has reached it.
type mirrorProtocol struct {
	marks  marks       // how far each partition's log is in the table
	proved []time.Time // when the last read was sent whose end the mark has reached; zero: none
}

// newMirrorProtocol begins at marks that were taken before the index was read.
func newMirrorProtocol(at marks) *mirrorProtocol {
	return &mirrorProtocol{marks: at, proved: make([]time.Time, len(at))}
}

// heard takes what a read that was sent at an instant saw of a partition. It
// returns an error wrapping ErrGap where changes are missing: then the table is
// good for nothing but what it denies.
func (p *mirrorProtocol) heard(part int, l look, sent time.Time, into mirrorSink) error {
	records, err := l.records(part, p.marks[part])
	if err != nil {
		return err
	}
	for _, rec := range records {
		if err := rec.into(into); err != nil {
			return err
		}
		p.marks[part] = rec.mark
	}
	// Without settings on record another's barriers may wait for less.
	if l.meta.schema != 0 && p.marks[part].seq >= l.meta.seq {
		p.proved[part] = sent
	}
	return nil
}

// hint takes records that came by themselves, before a read that says whether
// they are of the same history. Until then they may only add to what is denied.
// The mark stays: they are read again.
func (p *mirrorProtocol) hint(part int, l look, into mirrorSink) error {
	seq := p.marks[part].seq
	for _, m := range l.next {
		rec, err := parseRecord(m)
		if err != nil {
			return err
		}
		if seq++; rec.mark.seq != seq {
			return nil // the next read says what is missing
		}
		if rec.reinstated {
			continue
		}
		key, err := mirrorKeyOf(rec.member)
		if err == nil {
			err = into.put(key, rec.record())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// since is the instant as of which the table is complete: the oldest of the
// partitions'. False: not every partition has been read to its end.
func (p *mirrorProtocol) since() (time.Time, bool) {
	oldest := p.proved[0]
	for _, at := range p.proved {
		if at.IsZero() {
			return time.Time{}, false
		}
		oldest = earlier(oldest, at)
	}
	return oldest, true
}

// forgot reports whether a partition is no longer the one that a mark is of:
// not a gap in the log, but a denylist that was lost or has gone back.
func (l look) forgot(at mark) bool {
	if l.err != nil || at.epoch == "" {
		return false
	}
	return l.meta.schema == 0 || epochMark(l.meta.epoch) != at.epoch || l.meta.seq < at.seq ||
		len(l.last) > 0 && l.last[0].ID != at.id
}

// into enters a record. A record says all that there is of its entry, so
// nothing about it is unresolved any more.
func (r logRecord) into(sink mirrorSink) error {
	key, err := mirrorKeyOf(r.member)
	if err != nil {
		return err
	}
	if r.reinstated {
		sink.remove(key)
	}
	return sink.resolve(key, r.record())
}

// record is the entry as a change left it. A rotated half that was in effect
// when it was written need not have its instant kept.
func (r logRecord) record() mirrorRecord {
	rec := mirrorRecord{revoked: r.revoked, cutoff: r.cutoff, effectiveFrom: r.effective, expiresAt: r.expires}
	if !r.effective.IsZero() && !r.effective.After(r.at) {
		rec.effectiveFrom = atMillis(inEffect)
	}
	return rec
}

// mirrorKeyOf reads a member of the index.
func mirrorKeyOf(member string) (mirrorKey, error) {
	key := mirrorKey{scope: scopeOf(member)}
	n, err := base64.RawURLEncoding.Strict().Decode(key.digest[:], []byte(member[len("t:"):]))
	if err != nil || n != len(key.digest) {
		return mirrorKey{}, errForeign
	}
	return key, nil
}

// mirrorKeyFor is the key of an entry.
func mirrorKeyFor(e Entry) mirrorKey {
	if e.Digest != "" {
		key, _ := mirrorKeyOf(e.member()) // which was in a key
		return key
	}
	return mirrorKey{e.Scope, rawDigest(sha256.Sum256([]byte(e.Issuer)), e.ID)}
}

// fresh reports whether what is complete as of an instant may still be told at
// now.
func fresh(since, now time.Time, most time.Duration) bool {
	return notOlder(elapsed(since, now), most)
}

// notOlder reports whether an age may be told. A clock that went back proves
// nothing.
func notOlder(age, most time.Duration) bool { return age >= 0 && age <= most }
