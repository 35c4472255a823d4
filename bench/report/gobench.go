package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"github.com/rescindhq/rescind/bench"
)

// GoBenchmark writes the Go benchmark format, one line a slice, for benchstat:
// a contender is a benchmark, a slice one run of it.
//
// Machine and workload are configuration, by which benchstat puts results into
// tables of their own. Versions are comments, since they are what it is asked to
// compare. In an open loop there is no ns/op: it would be that of the pacer.
func GoBenchmark(w io.Writer, runs ...*bench.Results) error {
	out := benchfmt.NewWriter(w)
	for _, unit := range goUnits() {
		key := benchfmt.UnitMetadataKey{Unit: unit.name, Key: "better"}
		if err := out.Write(&benchfmt.UnitMetadata{UnitMetadataKey: key, OrigUnit: unit.name, Value: unit.better}); err != nil {
			return err
		}
	}
	for _, r := range runs {
		if _, err := fmt.Fprintf(w, "# %s\n", versions(r.Header.Environment)); err != nil {
			return err
		}
		config := goConfig(r.Header)
		for _, s := range r.Slices {
			if err := out.Write(goResult(r.Header, config, s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// goUnit is a unit of the format, with how to take it from a slice in which
// something was done.
type goUnit struct {
	name, better string
	value        func(bench.Slice) (float64, bool)
}

const wallUnit = "ns/op"

func goUnits() []goUnit {
	return []goUnit{
		{wallUnit, "lower", func(s bench.Slice) (float64, bool) { return byOperation(s, float64(s.Wall)) }},
		{"ops/s", "higher", func(s bench.Slice) (float64, bool) { return float64(s.Operations) / s.Wall.Seconds(), true }},
		{"p50-ns", "lower", latencyAt(50)},
		{"p90-ns", "lower", latencyAt(90)},
		{"p99-ns", "lower", latencyAt(99)},
		{"p99.9-ns", "lower", latencyAt(99.9)},
		{"max-ns", "lower", latencyAt(100)},
		{"client-cpu-ns/op", "lower", cpuOf(bench.Client)},
		{"redis-cpu-ns/op", "lower", cpuOf(bench.Redis)},
		{"server-cpu-ns/op", "lower", cpuOf(bench.Server)},
		{"failed", "lower", func(s bench.Slice) (float64, bool) { return failed(s), true }},
	}
}

func byOperation(s bench.Slice, nanoseconds float64) (float64, bool) {
	return nanoseconds / float64(s.Operations), s.Operations > 0
}

func latencyAt(percent float64) func(bench.Slice) (float64, bool) {
	return func(s bench.Slice) (float64, bool) {
		if s.Latency == nil || s.Latency.TotalCount() == 0 {
			return 0, false
		}
		return float64(s.Latency.ValueAtPercentile(percent)), true
	}
}

func cpuOf(process string) func(bench.Slice) (float64, bool) {
	return func(s bench.Slice) (float64, bool) {
		used, known := s.CPU[process]
		value, some := byOperation(s, float64(used))
		return value, known && some
	}
}

// failed is how many operations failed or were never begun.
func failed(s bench.Slice) float64 {
	all := float64(s.Unbegun)
	for _, n := range s.Errors {
		all += float64(n)
	}
	return all
}

func goResult(h bench.Header, config []benchfmt.Config, s bench.Slice) *benchfmt.Result {
	result := &benchfmt.Result{
		Config: config,
		Name:   benchfmt.Name(fmt.Sprintf("%s/concurrency=%d-%d", goName(s.Contender), s.Concurrency, h.Environment.GOMAXPROCS)),
		Iters:  int(s.Operations),
	}
	for _, unit := range goUnits() {
		if value, ok := unit.value(s); ok && !(h.Open && unit.name == wallUnit) {
			result.Values = append(result.Values, benchfmt.Value{Value: value, Unit: unit.name})
		}
	}
	return result
}

// goName is a contender's name as that of a benchmark: http-verify is
// HttpVerify.
func goName(contender string) string {
	var name strings.Builder
	words := strings.FieldsFunc(contender, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, word := range words {
		first := []rune(word)[0]
		name.WriteRune(unicode.ToUpper(first))
		name.WriteString(word[len(string(first)):])
	}
	return name.String()
}

func goConfig(h bench.Header) []benchfmt.Config {
	e := h.Environment
	config := []benchfmt.Config{}
	add := func(key, value string) {
		line := strings.Join(strings.Fields(value), " ") // one line
		if line != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(line), File: true})
		}
	}
	add("goos", e.OS)
	add("goarch", e.Arch)
	add("cpu", e.CPU)
	workload := h.Workload()
	for _, name := range slices.Sorted(maps.Keys(workload)) {
		if isGoKey(name) {
			add(name, workload[name])
		}
	}
	return config
}

// isGoKey tells whether the format can have a setting's name as a key, beside
// those of the machine.
func isGoKey(name string) bool {
	for i, r := range name {
		if i == 0 && !unicode.IsLower(r) || unicode.IsSpace(r) || unicode.IsUpper(r) || r == ':' {
			return false
		}
	}
	return name != "" && name != "goos" && name != "goarch" && name != "cpu"
}

func versions(e bench.Environment) string {
	text := "rescind " + e.Rescind + ", " + e.Go
	if version := e.Redis["version"]; version != "" {
		text += ", redis " + version
	}
	return strings.Join(strings.Fields(text), " ")
}
