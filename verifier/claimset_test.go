package verifier

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// Every character, at every place in words that are read at once and behind
// them.
func TestHasControl(t *testing.T) {
	t.Parallel()
	for r := range rune(0x300) {
		for before := range 18 {
			for _, fill := range []string{"a", "~", "\u00e9"} {
				id := strings.Repeat(fill, before) + string(r) + strings.Repeat(fill, 17-before)
				if hasControl(id) != unicode.IsControl(r) {
					t.Fatalf("hasControl(%q) = %v", id, hasControl(id))
				}
			}
		}
	}
	assert.False(t, hasControl(""))
}
