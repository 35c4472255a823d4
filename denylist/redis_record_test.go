package denylist

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// message is a record as Redis shows it.
func message(id, n, m, r, e, x string) redis.XMessage {
	return redis.XMessage{ID: id, Values: map[string]any{"n": n, "m": m, "r": r, "e": e, "x": x}}
}

func TestParseRecord(t *testing.T) {
	const id, x = "1767225600000-0", "1767226680000"
	token, subject := "t:"+digest("i", "j"), "u:"+digest("i", "j")
	for _, good := range [][]string{
		{id, "1", token, "+", "-", x},
		{id, "2", token, "-", "1767225600000", x},
		{id, "3", token, "!", "1767225600000", x},
		{id, "4", "s:" + token[2:], "!", "-", x},
		{id, "5", subject, "-62135596800000", "-", x},
		{id, "6", subject, "!", "-", x},
	} {
		rec, err := parseRecord(message(good[0], good[1], good[2], good[3], good[4], good[5]))
		require.NoError(t, err, "%v", good)
		c := rec.change(marks{rec.mark})
		assert.Equal(t, time.UnixMilli(1767225600000).UTC(), c.At)
		assert.Equal(t, good[2][2:], c.Digest)
		assert.Equal(t, good[3] == "!", c.Reinstated)
		assert.Equal(t, good[4] == absent, c.EffectiveFrom.IsZero())
	}
	for _, bad := range [][]string{
		{"1-", "1", token, "+", "-", x}, {"01-0", "1", token, "+", "-", x}, {"99999999999999999-0", "1", token, "+", "-", x},
		{id, "0", token, "+", "-", x}, {id, "+1", token, "+", "-", x}, {id, "9007199254740993", token, "+", "-", x},
		{id, "1", "c" + token[1:], "+", "-", x}, {id, "1", token + "A", "+", "-", x}, {id, "1", "", "+", "-", x},
		{id, "1", token, "-", "-", x}, {id, "1", token, "", "-", x}, {id, "1", token, "1767225600000", "-", x},
		{id, "1", subject, "+", "-", x}, {id, "1", subject, "-", "1767225600000", x}, {id, "1", subject, "+1", "-", x},
		{id, "1", token, "+", "", x}, {id, "1", token, "+", "-", "-"}, {id, "1", token, "+", "-", "1e9"},
	} {
		_, err := parseRecord(message(bad[0], bad[1], bad[2], bad[3], bad[4], bad[5]))
		assert.ErrorIs(t, err, errForeign, "%v", bad)
	}
	for _, values := range []map[string]any{
		nil, {"n": "1"}, {"n": "1", "m": token, "r": "+", "e": "-", "x": x, "y": "1"}, {"n": "1", "m": token, "r": "+", "e": "-", "x": 1},
	} {
		_, err := parseRecord(redis.XMessage{ID: id, Values: values})
		assert.ErrorIs(t, err, errForeign, "%v", values)
	}
}

// FuzzParseRecord: what is read as a record is one that a script could write.
func FuzzParseRecord(f *testing.F) {
	token := "t:" + digest("i", "j")
	f.Add("1767225600000-0", "1", token, "+", "-", "1767226680000")
	f.Add("1767225600000-1", "2", token, "!", "1767225600000", "1767226680000")
	f.Add("1767225600000-2", "3", "u"+token[1:], "1767225600000", "-", "1767226680000")
	f.Fuzz(func(t *testing.T, id, n, m, r, e, x string) {
		rec, err := parseRecord(message(id, n, m, r, e, x))
		if err != nil {
			assert.ErrorIs(t, err, errForeign)
			return
		}
		shown := [...]string{rec.mark.id, fmt.Sprint(rec.mark.seq), rec.member, absent, millisText(rec.effective), millisText(rec.expires)}
		switch {
		case rec.reinstated:
			shown[3] = "!"
		case rec.revoked && scopeOf(m).Wide():
			shown[3] = fmt.Sprint(millis(rec.cutoff))
		case rec.revoked:
			shown[3] = "+"
		}
		if rec.effective.IsZero() && e != absent { // an instant in the year 1
			shown[4] = e
		}
		if rec.expires.IsZero() {
			shown[5] = x
		}
		assert.Equal(t, [...]string{id, n, m, r, e, x}, shown)
	})
}

// FuzzParsePosition: a position is one that a store gave, or none.
func FuzzParsePosition(f *testing.F) {
	f.Add("AAAAAAAA.1.1767225600000-0", 1)
	f.Add(".0.0-0", 1)
	f.Add(".0.0-0,.0.0-0", 2)
	f.Fuzz(func(t *testing.T, position string, partitions int) {
		if partitions < 1 || partitions > 16 {
			return
		}
		if at, err := parseMarks(position, partitions); err == nil {
			assert.Equal(t, position, at.String())
			assert.Len(t, at, partitions)
		}
	})
}
