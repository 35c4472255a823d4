package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/report"
)

func TestHGRMIsInMilliseconds(t *testing.T) {
	t.Parallel()
	latency := hdrhistogram.New(1, int64(time.Minute), 3)
	for i := range 100 {
		require.NoError(t, latency.RecordValue(int64(time.Duration(i+1)*time.Millisecond)))
	}
	var out bytes.Buffer
	require.NoError(t, report.HGRM(&out, bench.Summary{Latency: latency}))

	lines := strings.Split(out.String(), "\n")
	assert.Equal(t, []string{"Value", "Percentile", "TotalCount", "1/(1-Percentile)"}, strings.Fields(lines[0]))
	var value, percentile float64
	var count int
	_, err := fmt.Sscan(lines[2], &value, &percentile, &count)
	require.NoError(t, err, lines[2])
	assert.InDelta(t, 1, value, 0.01, "the first millisecond")
	assert.Equal(t, 1, count)
	assert.Contains(t, out.String(), "Total count    =          100]")
	assert.Contains(t, out.String(), "#[Mean    =       50.499,", "of the middles of the buckets")
}
