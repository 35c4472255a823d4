package denylist_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// filled returns a Memory that denies n tokens, and some of every other scope.
func filled(b *testing.B, n int) *denylist.Memory {
	b.Helper()
	m := denylist.NewMemory(denylist.MemoryOptions{})
	end := time.Now().Add(time.Hour)
	for i := range n {
		entries := []denylist.Entry{denylist.TokenEntry(issuer, fmt.Sprintf("revoked-%d", i), end)}
		if i%100 == 0 {
			entries = append(entries,
				denylist.SessionEntry(issuer, fmt.Sprintf("revoked-%d", i), end),
				denylist.SubjectEntry(issuer, fmt.Sprintf("revoked-%d", i), time.Time{}))
		}
		if _, err := m.Revoke(b.Context(), entries...); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

func BenchmarkMemory_Check(b *testing.B) {
	for _, n := range []int{0, 1_000, 1_000_000} {
		m := filled(b, n)
		token := tokenAt(time.Now())
		b.Run(fmt.Sprintf("clean/entries=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Check(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
		if n == 0 {
			continue
		}
		token.ID = "revoked-7"
		b.Run(fmt.Sprintf("revoked/entries=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Check(b.Context(), token); err == nil {
					b.Fatal("not denied")
				}
			}
		})
	}
}

func BenchmarkMemory_CheckParallel(b *testing.B) {
	m := filled(b, 1_000)
	token := tokenAt(time.Now())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := m.Check(b.Context(), token); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkMemory_Spend exchanges the tokens of one session, one after the
// other, each denying the last.
func BenchmarkMemory_Spend(b *testing.B) {
	m := denylist.NewMemory(denylist.MemoryOptions{})
	token := tokenAt(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		s := next(token, fmt.Sprintf("jti-%d", token.Rotation+1))
		if _, err := m.Spend(b.Context(), token, s, rotated(token)); err != nil {
			b.Fatal(err)
		}
		token.ID, token.Rotation, token.ExpiresAt = s.ID, token.Rotation+1, s.ExpiresAt
	}
}
