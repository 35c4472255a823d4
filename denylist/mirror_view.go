package denylist

import "time"

// mirrorView is all that checks look at: a table, the instant as of which it is
// complete, and what Redis has forgotten beside it. There is a new view for each
// proof, and for each change of the others. Who has one may look into its
// tables: all that was acknowledged before that instant is there, and stays.
//
// It is one pointer, so that there is no order in which its parts could be read
// wrongly: an entry that goes from a table to a former one, or is given back and
// goes the other way, is in one of them in every view.
type mirrorView struct {
	table  *mirrorTable
	since  time.Time // zero: something is missing in the table
	former formerList
	marks  marks

	second int64 // since's, on the wall clock
	nano   int
}

// newMirrorView is a view of a table that is complete as of an instant.
func newMirrorView(table *mirrorTable, since time.Time, at marks) *mirrorView {
	return &mirrorView{table: table, since: since, second: since.Unix(), nano: since.Nanosecond(), marks: at}
}

// show lets checks see a table as of an instant, and former ones. It is Run's
// alone, and all that stores views.
func (m *Mirror) show(table *mirrorTable, since time.Time, at marks, former formerList) {
	m.former = former
	if table == nil && len(former) == 0 {
		m.view.Store(nil)
		return
	}
	if table == nil {
		table = newMirrorTable(0, m.heardClock)
	}
	v := newMirrorView(table, since, at)
	v.former = former
	m.view.Store(v)
}

// showFormer lets checks see former tables beside what they see already.
func (m *Mirror) showFormer(former formerList) {
	if v := m.view.Load(); v != nil {
		m.show(v.table, v.since, v.marks, former)
		return
	}
	m.show(nil, time.Time{}, nil, former)
}

// fresh is fresh of since, as every check asks for it: what elapsed would do to
// since each time has been done.
func (v *mirrorView) fresh(now time.Time, most time.Duration) bool {
	const far = 1 << 32 // seconds, which are no overflow
	seconds := min(max(now.Unix()-v.second, -far), far)
	wall := time.Duration(seconds)*time.Second + time.Duration(now.Nanosecond()-v.nano)
	return notOlder(max(now.Sub(v.since), wall), most)
}
