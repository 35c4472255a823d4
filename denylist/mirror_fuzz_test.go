package denylist

import (
	"testing"
	"time"
)

// FuzzMirrorTable reads operations from bytes, five to one, and compares what
// the table finds with what a plain map has.
func FuzzMirrorTable(f *testing.F) {
	f.Add([]byte("\x00\x01\x07\x10\x20" + "\x01\x01\x00\x00\x00" + "\x03\x01\x00\x20\x00" + "\x02\x01\x03\x10\x20"))
	f.Add([]byte("\x00\x02\x41\xff\x01" + "\x00\x02\x41\x01\xff" + "\x01\x02\x00\x00\x00" + "\x00\x02\x41\x05\x05"))
	f.Add([]byte("\x00\x03\x04\x10\x20" + "\x02\x03\x00\x00\x00" + "\x04\x00\x00\x00\x00" + "\x00\x03\x02\x10\x20"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		clock := &mirrorClock{now: mirrorNow}
		table, model := newMirrorTable(1<<17, clock.read), mirrorModel{}
		for ; len(ops) >= 5; ops = ops[5:] {
			what, id, a, b := ops[0]%5, ops[1], ops[3], ops[4]
			r := fuzzRecord(ops[2], a, b, clock.now)
			k := numberedKey(Scope(1+ops[2]>>6), uint64(id))
			switch what {
			case 0:
				for range 1 + ops[0]>>3 { // many neighbours, so that shards grow
					if err := table.put(k, r); err != nil {
						t.Fatal(err)
					}
					model.put(k, r, false, clock.now)
					k.digest[0]++
				}
			case 1:
				table.remove(k)
				model.remove(k)
			case 2:
				if err := table.resolve(k, r); err != nil {
					t.Fatal(err)
				}
				model.put(k, r, true, clock.now)
			case 3:
				clock.now = clock.now.Add(time.Duration(a) * time.Second)
			case 4:
				table.purge(clock.now, int(a)<<4)
			}
			model.agree(t, table, k, clock.now)
		}
		checkWhole(t, table, model, clock.now)
	})
}

// fuzzRecord is a record that Redis might have: whole seconds of expiry, which
// agree compares exactly.
func fuzzRecord(kind, a, b byte, now time.Time) mirrorRecord {
	s := Scope(1 + kind>>6)
	r := mirrorRecord{revoked: kind&1 != 0, unresolved: kind&4 != 0, expiresAt: now.Add(time.Duration(a) * time.Second)}
	if kind&8 != 0 {
		r.expiresAt = now.AddDate(int(a), 0, 0)
	}
	if r.revoked && s.Wide() {
		r.cutoff = now.Add(time.Duration(int8(b)) * time.Millisecond)
	}
	if s == ScopeToken && kind&2 != 0 {
		r.effectiveFrom = now.Add(time.Duration(int8(b)) * time.Second / 4)
	}
	return r
}
