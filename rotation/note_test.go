package rotation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// FuzzNote: a note is either one that encodeNote writes the same, or none.
func FuzzNote(f *testing.F) {
	for _, note := range []string{"1 1772366400", "1 0", "1 -1", "1 ", "1", "", "2 1772366400", "1 9223372036854775807", "1 1 1",
		"2 1772366400 0 0 *", "2 1772366400 7 1772366400123 =read", "2 1 1 1 =", "2 1 1 1 =a b", "2 1 1 1 =a  b", "2 1 1 1", "2 1 -1 1 *", "3 1 1 1 *"} {
		f.Add(note)
	}
	end := time.Unix(1772366400, 0)
	f.Fuzz(func(t *testing.T, note string) {
		granted := descent{sessionEnd: end, scope: "read write"}
		m, err := mintOf(denylist.Successor{ID: "next", ExpiresAt: end, Note: note}, granted)
		if err != nil {
			require.ErrorIs(t, err, denylist.ErrUnavailable)
			return
		}
		require.False(t, m.accessExpiry.After(end))
		again := encodeNote(m, granted.scope)
		require.LessOrEqual(t, len(again), denylist.MaxNote)
		same, err := mintOf(denylist.Successor{ID: "next", ExpiresAt: end, Note: again}, granted)
		require.NoError(t, err)
		require.Equal(t, m, same)
	})
}

// A node of the version before wrote this note.
func TestR11_NoteOfVersion1IsStillRead(t *testing.T) {
	t.Parallel()
	end := time.Unix(1772366400, 0)
	d := descent{sessionEnd: end, scope: "read write"}
	m, err := mintOf(denylist.Successor{ID: "next", ExpiresAt: end, Note: "1 1772366300"}, d)
	require.NoError(t, err)
	require.Equal(t, mint{id: "next", accessExpiry: time.Unix(1772366300, 0), refreshExpiry: end, scope: "read write"}, m)
}
