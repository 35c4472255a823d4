package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	benchreport "github.com/rescindhq/rescind/bench/report"
)

// benchCompare says whether a run differs from an older one, and whether it is
// worse than the limits allow.
func benchCompare(fs *pflag.FlagSet) action {
	texts := fs.StringArray("max", nil, "")
	return func(ctx context.Context, c *call) error {
		var limits []bench.Limit
		for _, text := range *texts {
			limit, err := bench.ParseLimit(text)
			if err != nil {
				return usageError("--max %q: %w", text, err).hint("such as --max p99=+10%%, --max p99=2ms or --max errors=0.1%%")
			}
			limits = append(limits, limit)
		}
		runs, err := c.readResults(ctx, c.args)
		if err != nil {
			return err
		}
		differences, err := bench.Compare(runs[0], runs[1])
		if err != nil {
			return benchTrouble(err)
		}
		write := benchreport.Comparison
		if c.json {
			write = benchreport.ComparisonJSON
		}
		if err := write(c.stdout, differences); err != nil {
			return err
		}
		for _, run := range runs {
			if err := wrongAnswers(run); err != nil {
				return err
			}
		}
		return c.judge(differences, *texts, limits)
	}
}

// judge holds every series against every limit. What is exceeded, or cannot be
// told from noise, is named.
func (c *call) judge(differences []bench.Difference, texts []string, limits []bench.Limit) error {
	count := map[bench.Verdict]int{}
	for i, limit := range limits {
		judged := false
		for _, d := range differences {
			if d.Metric != limit.Metric {
				continue
			}
			judged = true
			verdict := limit.Judge(d)
			count[verdict]++
			if verdict != bench.Within {
				c.say("%s: %s@%d %s, limit %s", verdict, d.Contender, d.Concurrency, changed(d), texts[i])
			}
		}
		if !judged {
			count[bench.Unclear]++
			c.say("%s: neither run has figures of %s, limit %s", bench.Unclear, limit.Metric, texts[i])
		}
	}
	switch {
	case count[bench.Exceeded] > 0:
		return refused("worse than --max allows: %s exceeded", counted(int64(count[bench.Exceeded]), "limit"))
	case count[bench.Unclear] > 0:
		return cannotTell("too few slices, or too much noise, to tell whether %s kept", counted(int64(count[bench.Unclear]), "limit")).
			hint("measure both again with a longer --duration, on a machine with nothing else to do")
	}
	return nil
}

// changed words a difference: "p99 3.1ms, was 2.8ms; slice by slice +10.7% (+4.0%
// to +18.2%)". The two figures are of whole runs, and may be further apart.
func changed(d bench.Difference) string {
	text := fmt.Sprintf("%s %s, was %s", d.Metric, figure(d.Metric, d.New), figure(d.Metric, d.Old))
	if math.IsNaN(d.Ratio.Center) {
		return text
	}
	text += "; slice by slice " + change(d.Ratio.Center)
	if math.IsNaN(d.Ratio.Low) {
		return text
	}
	return text + fmt.Sprintf(" (%s to %s)", change(d.Ratio.Low), change(d.Ratio.High))
}

func change(ratio float64) string { return fmt.Sprintf("%+.1f%%", 100*(ratio-1)) }

// figure writes a metric's value in its unit.
func figure(m bench.Metric, value float64) string {
	switch m {
	case "rate":
		return grouped(int64(math.Round(value))) + "/s"
	case "errors":
		return fmt.Sprintf("%.3g%%", 100*value)
	}
	return rounded(time.Duration(value * float64(time.Second)))
}
