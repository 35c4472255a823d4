package denylist

import "testing"

// What is read is what would be written, or nothing.
func FuzzParseInventory(f *testing.F) {
	f.Add("1 one 1 2 3 the%20one")
	f.Add("1 one 1 2 3 - two 4 5 6 %2D")
	f.Add("1")
	f.Add("1 - 1 2 3 -")
	f.Fuzz(func(t *testing.T, value string) {
		list, err := parseInventory(value)
		if err != nil {
			return
		}
		again := valueVersion
		for _, s := range list {
			again += " " + escape(s.Session) + " " + millisText(s.Begun) + " " + millisText(s.Ends) + " " + millisText(s.IdleUntil) + " " + escape(s.Label)
		}
		if again != value {
			t.Fatalf("%q was read as %q", value, again)
		}
	})
}
