package rotation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// FuzzNote: a note is either one that encodeNote writes the same, or none.
func FuzzNote(f *testing.F) {
	for _, note := range []string{"1 1772366400", "1 0", "1 -1", "1 ", "1", "", "2 1772366400", "1 9223372036854775807", "1 1 1"} {
		f.Add(note)
	}
	end := time.Unix(1772366400, 0)
	f.Fuzz(func(t *testing.T, note string) {
		m, err := mintOf(denylist.Successor{ID: "next", ExpiresAt: end, Note: note}, descent{sessionEnd: end})
		if err != nil {
			require.ErrorIs(t, err, denylist.ErrUnavailable)
			return
		}
		require.False(t, m.accessExpiry.After(end))
		again, err := mintOf(denylist.Successor{ID: "next", ExpiresAt: end, Note: encodeNote(m)}, descent{sessionEnd: end})
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
