package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/report"
)

// twoContenders is what bench.Read would return: seven turns of two contenders.
func twoContenders() *bench.Results {
	r := &bench.Results{
		Header: bench.Header{
			Time:        time.Date(2026, 11, 22, 17, 9, 6, 0, time.UTC),
			Command:     "rescind bench run naive verify --seed 7",
			Environment: bench.Environment{CPU: "AMD EPYC", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1.26.1", Rescind: "v0.4.0"},
			Baseline:    "naive",
			Seed:        7,
		},
		End: bench.End{Complete: true},
	}
	for round := range 7 {
		for name, micros := range map[string]int64{"naive": 200, "verify": 100} {
			latency := hdrhistogram.New(1, int64(time.Minute), 3)
			for i := range int64(1000) {
				_ = latency.RecordValue((micros + i/100) * 1000) // within its range
			}
			r.Slices = append(r.Slices, bench.Slice{
				Contender: name, Concurrency: 16, Round: round, Wall: time.Second,
				Operations: 1_600_000 / micros, Latency: latency,
			})
		}
	}
	return r
}

func ExampleTable() {
	if err := report.Table(os.Stdout, twoContenders()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// run       2026-11-22 17:09:06 UTC, seed 7
	// machine   AMD EPYC, 2 cores (GOMAXPROCS 2), linux/amd64, go1.26.1, rescind v0.4.0
	// loop      closed loop: each worker begins when its last operation ended
	//
	// contender  at    p50    p90    p99  p99.9    max     rate  errors
	// naive      16  204µs  208µs  209µs  209µs  209µs  8.00k/s       0
	// verify     16  104µs  108µs  109µs  109µs  109µs  16.0k/s       0
	// at: concurrent workers. Errors are not in the percentiles.
	//
	// Ratio to naive: median of 7 pairs (95 % interval); below 1 is less than naive
	// contender  at                 time
	// verify     16  0.500 (0.500–0.500)
	//
	// Again: rescind bench run naive verify --seed 7
}

func ExampleMarkdown() {
	if err := report.Markdown(os.Stdout, twoContenders()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | contender | at | p50 | p99 | rate | time ÷ naive |
	// |---|--:|--:|--:|--:|--:|
	// | naive | 16 | 204µs | 209µs | 8.00k/s | 1 |
	// | verify | 16 | 104µs | 109µs | 16.0k/s | 0.500 (0.500–0.500) |
	//
	// at: concurrent workers. Ratios are medians over pairs of turns (95 % interval); below 1 is less than the baseline.
	// Measured on AMD EPYC, 2 cores (GOMAXPROCS 2), linux/amd64, go1.26.1, rescind v0.4.0; 2026-11-22 17:09:06 UTC with `rescind bench run naive verify --seed 7`.
}
