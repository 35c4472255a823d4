package report

import (
	"bytes"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// file is a result file of what was made up.
func file(f *testing.F, r *bench.Results) []byte {
	var b bytes.Buffer
	w, err := bench.NewWriter(&b, r.Header)
	require.NoError(f, err)
	for _, s := range r.Slices {
		require.NoError(f, w.Slice(s))
	}
	require.NoError(f, w.End(r.End))
	return b.Bytes()
}

// Whatever a file may say, every form of it can be written, drives no terminal,
// and draws nothing outside of its drawings.
func FuzzForms(f *testing.F) {
	const head = `{"kind":"header","schema":"rescind-bench/1","baseline":"b","scenarios":[{"name":"a","guarantee":"strict: x"},{"name":"b"},{"name":"fleet"}]}
`
	f.Add([]byte(head + `{"kind":"slice","contender":"a","concurrency":1,"at_ns":5,"wall_ns":9,"operations":7,"errors":{"e":1},"gauges":{"g":-1e300}}
{"kind":"slice","contender":"b","concurrency":1,"wall_ns":1,"operations":1}
{"kind":"end","events":[{"contender":"a","concurrency":1,"from_ns":1,"until_ns":360000000000000},{"contender":"b","concurrency":7}]}`))
	f.Add([]byte(head + `{"kind":"slice","contender":"fleet","concurrency":1,"wall_ns":1,"cpu_ns":{"redis":1},"gauges":{"connections":1e308}}
{"kind":"slice","contender":"fleet","concurrency":1000000000,"wall_ns":1,"cpu_ns":{"redis":9}}
{"kind":"end"}`))
	f.Add(file(f, newMaker(&testing.T{}).outage(sufferers()[:2], faults()[:1], 3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := bench.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, Table(&b, r))
		require.NoError(t, Markdown(&b, r))
		require.NoError(t, JSON(&b, r))
		for _, c := range b.String() {
			require.True(t, c == '\n' || unicode.IsPrint(c), "%U", c)
		}
		page := pageOf(t, r)
		checkNeedsNothingElse(t, page)
		for _, svg := range svgs.FindAllString(page, -1) {
			checkSVG(t, svg)
		}
	})
}
