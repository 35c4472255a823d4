package scenario

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// burn uses CPU time until the meter has seen that much of it.
func burn(t *testing.T, meter bench.Meter, atLeast time.Duration) {
	t.Helper()
	before, err := meter.Read(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		for began := time.Now(); time.Since(began) < 5*time.Millisecond; {
		}
		now, err := meter.Read(t.Context())
		return assert.NoError(t, err) && now-before >= atLeast
	}, time.Minute, time.Millisecond)
}

// Both ways read the same clock: this process's.
func TestServerMeter_ProcessAndMetricsAgree(t *testing.T) {
	if runtime.GOOS != "linux" {
		_, err := serverMeter(strconv.Itoa(os.Getpid()))
		require.ErrorIs(t, err, ErrKnob)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	url := answering(t, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP)
	metrics, err := serverMeter(url + "/metrics")
	require.NoError(t, err)
	process, err := serverMeter(strconv.Itoa(os.Getpid()))
	require.NoError(t, err)
	assert.Equal(t, bench.Server, metrics.Of)
	assert.Equal(t, bench.Server, process.Of)

	burn(t, process, 50*time.Millisecond)
	burn(t, metrics, 50*time.Millisecond)
	before, err := process.Read(t.Context())
	require.NoError(t, err)
	between, err := metrics.Read(t.Context())
	require.NoError(t, err)
	after, err := process.Read(t.Context())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, between, before)
	assert.LessOrEqual(t, between, after)
}

func TestServerMeter_ProcessEnds(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return
	}
	process := exec.Command("sleep", "60")
	require.NoError(t, process.Start())
	meter, err := serverMeter(strconv.Itoa(process.Process.Pid))
	require.NoError(t, err)
	_, err = meter.Read(t.Context())
	require.NoError(t, err)
	require.NoError(t, process.Process.Kill())
	_ = process.Wait()
	_, err = meter.Read(t.Context())
	assert.ErrorIs(t, err, ErrUnreachable)
}

func TestServerMeter_Refuses(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", "0", "-1", "12 ", "self", "localhost:9090", "ftp://host/", "http://user:hunter2@host/", "http://"} {
		_, err := serverMeter(spec)
		assert.ErrorIs(t, err, ErrKnob, "%q", spec)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err := serverMeter("2000000000")
	assert.Error(t, err, "no system has so many processes")
}

func TestServerMeter_PagesThatDoNotSay(t *testing.T) {
	t.Parallel()
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"empty":    page(""),
		"HTML":     page("<html>\n"),
		"another":  page("process_cpu_seconds 1\nprocess_cpu_seconds_total_other 1\n"),
		"comment":  page("# process_cpu_seconds_total 1\n"),
		"two":      page("process_cpu_seconds_total{a=\"1\"} 1\nprocess_cpu_seconds_total{a=\"2\"} 1\n"),
		"NaN":      page("process_cpu_seconds_total NaN\n"),
		"negative": page("process_cpu_seconds_total -1\n"),
		"endless":  page("process_cpu_seconds_total 1e300\n"),
		"too long": page("process_cpu_seconds_total 1\n" + strings.Repeat("#\n", maxMetrics/2)),
		"404":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"redirect": http.RedirectHandler("/", http.StatusFound).ServeHTTP,
	} {
		meter, err := serverMeter(answering(t, answer))
		require.NoError(t, err)
		_, err = meter.Read(t.Context())
		assert.ErrorIs(t, err, ErrUnreachable, name)
	}
}

func TestServerMeter_ReadsOneLineOfMany(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"process_cpu_seconds_total 1.25": 1250 * time.Millisecond,
		"a 1\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 0\nz 2\n": 0,
		"process_cpu_seconds_total{job=\"a b\"} 3 1700000000000\n":                          3 * time.Second,
		"not a metric at all\nprocess_cpu_seconds_total 1e3\n":                              1000 * time.Second,
	} {
		got, err := cpuOfMetrics(strings.NewReader(text))
		assert.NoError(t, err, "%q", text)
		assert.Equal(t, want, got, "%q", text)
	}
}

func FuzzServerMetrics(f *testing.F) {
	f.Add([]byte("# HELP process_cpu_seconds_total x\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.34\n"))
	f.Add([]byte("process_cpu_seconds_total{a=\"b\\n\"} +Inf 1\n"))
	f.Add([]byte("process_cpu_seconds_total{\"quoted\"} 0x1p3"))
	f.Fuzz(func(t *testing.T, page []byte) {
		used, err := cpuOfMetrics(bytes.NewReader(page))
		if err != nil {
			assert.Zero(t, used)
			return
		}
		assert.GreaterOrEqual(t, used, time.Duration(0))
		assert.True(t, bytes.Contains(page, []byte(cpuMetric)))
	})
}

// With one server behind all URLs it is that of all, otherwise each has its own.
func TestServerMetersAreOfTheirURL(t *testing.T) {
	t.Parallel()
	page := func(seconds string) string {
		return answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(cpuMetric + seconds + "\n")) })
	}
	one, two := page(" 1"), page(" 2")
	for _, of := range []struct {
		specs []string
		want  time.Duration // of the second URL
	}{
		{[]string{one}, time.Second},
		{[]string{one, two}, 2 * time.Second},
	} {
		meters, err := serverMeters(of.specs, 1)
		require.NoError(t, err)
		require.Len(t, meters, 1)
		used, err := meters[0].Read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, of.want, used)
	}
	none, err := serverMeters(nil, 1)
	assert.NoError(t, err)
	assert.Empty(t, none)
}
