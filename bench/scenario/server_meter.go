package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"

	"github.com/rescindhq/rescind/bench"
)

// serverMeter reads the CPU time of the process behind a URL. The spec is its
// id, on this machine and on Linux, or the URL of its Prometheus metrics, where
// it is process_cpu_seconds_total. Both count in ticks of the kernel, 10 ms: a
// slice of a second on one core is exact to a percent, at best. To read metrics
// costs the process about a millisecond, which counts too.
//
// ErrKnob: the spec is neither. Whether anything answers is only seen by
// reading, whose errors wrap ErrUnreachable.
func serverMeter(spec string) (bench.Meter, error) {
	if pid, err := strconv.Atoi(spec); err == nil {
		return processMeter(pid)
	}
	u, err := parseTarget(spec)
	if err != nil {
		return bench.Meter{}, fmt.Errorf("CPU time of the server: want a process id or the URL of its metrics: %w", err)
	}
	return metricsMeter(u), nil
}

// processMeter reads /proc.
func processMeter(pid int) (bench.Meter, error) {
	switch {
	case pid <= 0:
		return bench.Meter{}, badKnob("CPU time of the server: %d is no process id", pid)
	case runtime.GOOS != "linux":
		return bench.Meter{}, badKnob("CPU time of the server: of a process id it is known on Linux only: give the URL of its metrics")
	}
	first, err := readProcess(pid)
	if err != nil {
		return bench.Meter{}, err
	}
	read := func(context.Context) (time.Duration, error) {
		now, err := readProcess(pid)
		if err != nil {
			return 0, err
		}
		if now.Starttime != first.Starttime { // ids are used again
			return 0, fmt.Errorf("%w: process %d has ended, and another one has its id", ErrUnreachable, pid)
		}
		return cpuSeconds(now.CPUTime())
	}
	return bench.Meter{Of: bench.Server, Read: read}, nil
}

func readProcess(pid int) (procfs.ProcStat, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStat{}, fmt.Errorf("%w: process %d: %w", ErrUnreachable, pid, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return procfs.ProcStat{}, fmt.Errorf("%w: process %d: %w", ErrUnreachable, pid, err)
	}
	return stat, nil
}

// Limits of a page of metrics, which anybody may have written.
const (
	maxMetrics     = 8 << 20
	metricsTimeout = 5 * time.Second
)

// metricsMeter asks for metrics: straight there and without redirects, as
// httpVerify does.
func metricsMeter(u *url.URL) bench.Meter {
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	read := func(ctx context.Context) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
		defer cancel()
		used, err := askMetrics(ctx, transport, u)
		if err != nil {
			return 0, fmt.Errorf("%w: CPU time of the server: %s: %w", ErrUnreachable, shown(u), err)
		}
		return used, nil
	}
	return bench.Meter{Of: bench.Server, Read: read}
}

func askMetrics(ctx context.Context, transport http.RoundTripper, u *url.URL) (time.Duration, error) {
	request := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Accept":     {"text/plain;version=0.0.4"},
		"User-Agent": {"rescind-bench"},
	}}).WithContext(ctx)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, httpStatus(answer.StatusCode)
	}
	return cpuOfMetrics(answer.Body)
}

const cpuMetric = "process_cpu_seconds_total"

var errMetrics = errors.New("no metrics in the Prometheus text format")

// cpuOfMetrics finds the CPU time in a page of metrics. The page is read line
// by line for the one that is wanted: of another product it may be a megabyte,
// and what a parser takes for that would count as the client's.
func cpuOfMetrics(page io.Reader) (time.Duration, error) {
	text, err := io.ReadAll(io.LimitReader(page, maxMetrics+1))
	if err != nil {
		return 0, err
	}
	if len(text) > maxMetrics {
		return 0, fmt.Errorf("more than %d bytes of metrics", maxMetrics)
	}
	var lines strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, cpuMetric) {
			lines.WriteString(line)
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(lines.String() + "\n"))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errMetrics, err)
	}
	family, ok := families[cpuMetric]
	if !ok || len(family.Metric) != 1 {
		return 0, fmt.Errorf("%w: want one %s, got %d", errMetrics, cpuMetric, len(family.GetMetric()))
	}
	return cpuSeconds(family.Metric[0].GetUntyped().GetValue()) // the line that would give it a type was not read
}

// cpuSeconds refuses what no process has used, a NaN too.
func cpuSeconds(s float64) (time.Duration, error) {
	const most = 100 * 365 * 24 * 60 * 60
	if !(s >= 0 && s < most) {
		return 0, fmt.Errorf("%w: %v seconds of CPU time", errMetrics, s)
	}
	return time.Duration(s * float64(time.Second)), nil
}
