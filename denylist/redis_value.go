package denylist

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Values are one line of text: a version and fields between single spaces.
// Instants are decimal milliseconds of Unix time; ids are percent-encoded; a
// field that is absent is a hyphen.
const (
	valueVersion = "1"
	absent       = "-"
	entryFields  = 9
)

// errForeign: a value under one of our keys is not what we write there.
var errForeign = errors.New("foreign value")

// parseEntry reads the value of an entry:
//
//	1 expiry revoked-at cutoff rotated-at effective-from issuer id reason
//
// Issuer and id are both absent in one that a mirror gave back: see Digest.
func parseEntry(scope Scope, value string) (Entry, error) {
	// The longest value has three ids whose every byte is encoded.
	if len(value) > 3*(2*MaxID+MaxReason)+128 {
		return Entry{}, errForeign
	}
	f := strings.Split(value, " ")
	if len(f) != entryFields || f[0] != valueVersion {
		return Entry{}, errForeign
	}
	var at [5]*time.Time
	for i := range at {
		if f[1+i] == absent {
			continue
		}
		ms, err := parseMillis(f[1+i])
		if err != nil {
			return Entry{}, err
		}
		t := atMillis(ms)
		at[i] = &t
	}
	e := Entry{Scope: scope}
	var reason string
	for i, into := range []*string{&e.Issuer, &e.ID, &reason} {
		text, err := unescape(f[6+i])
		if err != nil {
			return Entry{}, err
		}
		*into = text
	}
	return e.fill(at, reason)
}

// fill adds the instants of a value, in its order, and its reason.
func (e Entry) fill(at [5]*time.Time, reason string) (Entry, error) {
	expires, revoked, cutoff, rotated, effective := at[0], at[1], at[2], at[3], at[4]
	switch {
	case expires == nil,
		(rotated == nil) != (effective == nil),
		(cutoff != nil) != (revoked != nil && e.Scope.Wide()),
		reason != "" && revoked == nil:
		return Entry{}, errForeign
	}
	e.ExpiresAt = *expires
	if revoked != nil {
		e.Revoked = &Revoked{At: *revoked, Reason: reason}
		if cutoff != nil {
			e.Revoked.Cutoff = *cutoff
		}
	}
	if rotated != nil {
		e.Rotated = &Rotated{At: *rotated, EffectiveFrom: *effective}
	}
	if e.named("-", "-").validate() != nil {
		return Entry{}, errForeign
	}
	return e, nil
}

// parseMillis reads an instant: canonical, in the range of every Time.
func parseMillis(s string) (int64, error) {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil || ms < minMillis || ms > maxMillis || strconv.FormatInt(ms, 10) != s {
		return 0, errForeign
	}
	return ms, nil
}

// millisText is the inverse of parseMillis; a zero time is absent.
func millisText(t time.Time) string {
	if t.IsZero() {
		return absent
	}
	return strconv.FormatInt(millis(t), 10)
}

// escape makes one field of any bytes: percent-encoded (RFC 3986, section 2.1)
// are "%", every byte that is not a visible ASCII character, and a lone hyphen.
// Each string has one form, so that scripts may compare them.
func escape(s string) string {
	switch {
	case s == "":
		return absent
	case s == absent:
		return "%2D"
	}
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool { return c > ' ' && c < 0x7f && c != '%' }

// unescape is the inverse of escape. It reads only what escape writes.
func unescape(field string) (string, error) {
	if field == absent {
		return "", nil
	}
	s := field
	if strings.Contains(field, "%") {
		b := make([]byte, 0, len(field))
		for i := 0; i < len(field); i++ {
			if field[i] != '%' {
				b = append(b, field[i])
				continue
			}
			c, err := strconv.ParseUint(field[i+1:min(i+3, len(field))], 16, 8)
			if err != nil {
				return "", errForeign
			}
			b = append(b, byte(c))
			i += 2
		}
		s = string(b)
	}
	if s == "" || escape(s) != field {
		return "", errForeign
	}
	return s, nil
}
