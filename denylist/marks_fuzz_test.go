package denylist

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMark: a value is either one that mark.lua writes the same, or none.
func FuzzMark(f *testing.F) {
	for _, value := range []string{"1 1772366400123", "1 0", "1 -1", "1 01", "2 1", "1", "", "1 253402300799999", "1 253402300800000"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		at, err := markInstant(value)
		if err != nil {
			require.ErrorIs(t, err, errForeign)
			return
		}
		require.Equal(t, value, "1 "+millisText(at))
	})
}
