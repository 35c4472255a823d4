package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// TestMain makes this program the other process of propagation too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "follow" {
		if err := Follow(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
