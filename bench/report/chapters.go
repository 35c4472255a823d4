package report

// chapters are the charts of a run, in the order in which one reads them. Those
// that have nothing to show are left out.
func (r run) chapters(id string) []chapter {
	groups := r.groups()
	all := []chapter{
		{
			ID: id + "-ratios", Heading: "Ratios to " + r.over(),
			Text: "Contenders take turns in short slices, and each slice is compared to the baseline's beside it: what else the machine did happened to both. " +
				"A dot is the median over the pairs, the line its 95 % interval. An interval that holds 1 shows no difference; where there are fewer than six pairs there is no interval.",
			Keys: r.ratioKeys(), Charts: r.ratioChart(id + "-ratios"), Table: r.ratioRows(),
		},
		{
			ID: id + "-percentiles", Heading: "Latency by percentile",
			Text: "Each step to the right is ten times as rare. Signs stand at 50 %, 90 %, 99 % and so on; a curve ends at its slowest operation.",
			Keys: keys(groups), Charts: r.percentileCharts(id + "-percentiles"),
		},
		r.outcomeChapter(id + "-outcomes"),
		r.fleetChapter(id + "-fleet"),
		{
			ID: id + "-time", Heading: "Latency over time",
			Text: "p50 and p99 of each slice. Where there are more slices than can be drawn, a point is the median p50 and the worst p99 of several, so that no stall is smoothed away.",
			Keys: append(keys(groups), lineKey("plain", "p50"), lineKey("broken plain", "p99")), Charts: r.timeCharts(id + "-time"),
		},
		{
			ID: id + "-throughput", Heading: "Throughput against concurrency",
			Text: "Operations that succeeded, each second.",
			Keys: r.contenderKeys(), Charts: r.throughputChart(id + "-throughput"),
		},
		{
			ID: id + "-stages", Heading: "Where a verification's time goes",
			Text: "One verification, one worker, nothing else to do: the median of each step.",
			Keys: r.stageKeys(), Charts: r.breakdownChart(id + "-stages"), Table: r.stageRows(),
		},
		{
			ID: id + "-gauges", Heading: "Gauges",
			Text: "Figures beside latencies, as they were after each slice.",
			Keys: r.gaugeKeys(), Charts: r.gaugeCharts(id + "-gauges"), Tabular: true, Table: r.gaugeRows(), Below: r.gaugesLeftOut(),
		},
	}
	var shown []chapter
	for _, c := range all {
		if len(c.Charts) > 0 || c.Tabular && len(c.Table.Rows) > 0 {
			shown = append(shown, c)
		}
	}
	return shown
}

func (r run) contenderKeys() []key {
	var all []key
	for i, name := range r.contenders() {
		all = append(all, seriesKey(i, name))
	}
	return all
}
