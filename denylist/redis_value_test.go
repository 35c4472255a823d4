package denylist

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// formatEntry is what common.lua writes for e.
func formatEntry(e Entry) string {
	fields := []string{valueVersion, strconv.FormatInt(millis(e.ExpiresAt), 10), absent, absent, absent, absent,
		escape(e.Issuer), escape(e.ID), absent}
	if r := e.Revoked; r != nil {
		fields[2], fields[8] = strconv.FormatInt(millis(r.At), 10), escape(r.Reason)
		if e.Scope.Wide() {
			fields[3] = strconv.FormatInt(millis(r.Cutoff), 10)
		}
	}
	if r := e.Rotated; r != nil {
		fields[4], fields[5] = strconv.FormatInt(millis(r.At), 10), strconv.FormatInt(millis(r.EffectiveFrom), 10)
	}
	return strings.Join(fields, " ")
}

func TestParseEntry(t *testing.T) {
	t.Parallel()
	e, err := parseEntry(ScopeSubject, "1 253402300799999 1795358567571 -5 - - https://i a%0A%25 %2D")
	require.NoError(t, err)
	assert.True(t, e.equal(Entry{
		Scope: ScopeSubject, Issuer: "https://i", ID: "a\n%", ExpiresAt: time.UnixMilli(maxMillis).UTC(),
		Revoked: &Revoked{At: time.UnixMilli(1795358567571).UTC(), Cutoff: time.UnixMilli(-5).UTC(), Reason: "-"},
	}), "%+v", e)

	for why, value := range map[string]string{
		"no halves":                "1 9 - - - - i s -",
		"no expiry":                "1 - 1 - - - i s -",
		"another version":          "2 9 1 - - - i s -",
		"a field too few":          "1 9 1 - - - i s",
		"a field too many":         "1 9 1 - - - i s - -",
		"an empty field":           "1 9 1 - - -  s -",
		"a line break":             "1 9 1 - - - i s -\n",
		"half a rotated half":      "1 9 1 - 1 - i s -",
		"a rotated session":        "1 9 - - 1 1 i s -",
		"a cutoff":                 "1 9 1 1 - - i s -",
		"a reason without cause":   "1 9 - - 1 1 i s r",
		"a leading zero":           "1 09 1 - - - i s -",
		"a plus":                   "1 +9 1 - - - i s -",
		"a float":                  "1 9 2.5e+14 - - - i s -",
		"the year 10000":           "1 253402300800000 1 - - - i s -",
		"no issuer":                "1 9 1 - - - - s -",
		"no id":                    "1 9 1 - - - i - -",
		"a truncated escape":       "1 9 1 - - - i s%2 -",
		"a signed escape":          "1 9 1 - - - i s%+2 -",
		"an escape in lower case":  "1 9 1 - - - i s%2f%0a -",
		"an escape of plain text":  "1 9 1 - - - i %41 -",
		"an id that is too long":   "1 9 1 - - - i " + strings.Repeat("a", MaxID+1) + " -",
		"a value that is too long": "1 9 1 - - - i s " + strings.Repeat("%41", 3*MaxReason),
	} {
		e, err := parseEntry(ScopeSession, value)
		assert.ErrorIs(t, err, errForeign, "%s: parseEntry(%q) = %+v", why, value, e)
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add(uint8(ScopeToken), "1 1795358567571 1795358567571 - - - https://i a%20b reason")
	f.Add(uint8(ScopeToken), "1 1795358567571 - - 1795358567571 1795358567572 i j -")
	f.Add(uint8(ScopeIssuer), "1 253402300799999 0 -62135596800000 - - i - -")
	f.Add(uint8(ScopeSubject), "1 9 1 1 - - %2D %00 %25")
	f.Add(uint8(ScopeSession), "1 9 1 - - - - - -")
	f.Fuzz(func(t *testing.T, scope uint8, value string) {
		e, err := parseEntry(Scope(scope), value)
		if err != nil {
			return
		}
		if got := formatEntry(e); got != value {
			t.Errorf("parseEntry(%q) = %+v, which is written as %q", value, e, got)
		}
		if err := e.named("i", "j").validate(); err != nil {
			t.Errorf("parseEntry(%q) = %+v, which is %v", value, e, err)
		}
	})
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "-", "%2D", "a b", "\x00\n\x7f\xff", "ſ", "plain"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		field := escape(s)
		if field == "" || strings.ContainsAny(field, " \n\r\t") {
			t.Errorf("escape(%q) = %q, which is not one field", s, field)
		}
		if back, err := unescape(field); err != nil || back != s {
			t.Errorf("unescape(escape(%q)) = %q, %v", s, back, err)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"", "-", "%", "%2", "%2D", "%2d", "%41", "a b", "a%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if s, err := unescape(field); err == nil && escape(s) != field {
			t.Errorf("unescape(%q) = %q, which is written as %q", field, s, escape(s))
		}
	})
}

func TestParseReply(t *testing.T) {
	t.Parallel()
	rep, micros, err := parseReply([]any{"ok", "1795358567571999", "a"})
	require.NoError(t, err)
	assert.Equal(t, reply{word: "ok", at: time.UnixMilli(1795358567571).UTC(), fields: []string{"a"}}, rep)
	assert.EqualValues(t, 1795358567571999, micros)
	for _, raw := range []any{
		nil, "ok", int64(1), []any{}, []any{"ok"}, []any{"ok", int64(5)}, []any{"ok", "now"}, []any{"ok", "-1"},
		[]any{"ok", "9223372036854775807"}, []any{"ok", "1", nil}, []any{"ok", "1", []any{}},
	} {
		_, _, err := parseReply(raw)
		assert.ErrorIs(t, err, errReply, "parseReply(%v)", raw)
	}
}

func FuzzParseMeta(f *testing.F) {
	f.Add("1", "epoch", "1", "16", "120000")
	f.Add("", "", "", "", "")
	f.Add("1", "", "-1", "99999999999999999999", "253402300799999")
	f.Fuzz(func(t *testing.T, schema, epoch, seq, partitions, margin string) {
		m, err := parseMeta(map[string]string{"schema": schema, "epoch": epoch, "seq": seq, "spends": seq,
			"partitions": partitions, "max_leeway": margin, "skew_margin": margin, "max_staleness": margin})
		if err == nil && (m.partitions < 0 || m.maxLeeway < 0) {
			t.Errorf("%+v", m)
		}
	})
}
