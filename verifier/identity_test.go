package verifier

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever an id is, its header is printable, is that id again once decoded,
// and survives what HTTP does to a header's ends.
func FuzzHeaderValue(f *testing.F) {
	for _, id := range []string{"", "plain", " a ", "100%", "line\r\nX-Admin: 1", "zoë", "\x00\x7f\xff"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		value := HeaderValue(id)
		assert.NotContains(t, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '!'
			}
			return 'x'
		}, value), "!")
		assert.Equal(t, strings.TrimSpace(value), value)
		back, err := url.PathUnescape(value)
		require.NoError(t, err)
		assert.Equal(t, id, back)
	})
}
