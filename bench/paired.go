package bench

// Paired is a metric of one contender over another's, pair by pair: the median
// over the slices of the same rounds, with its 95 % interval, for which six
// pairs are needed. NaN: not known in any pair. [Results.Ratios] has the usual
// ones of a whole run; this is for those who look for one of their own.
func (r *Results) Paired(m Metric, contender, baseline Series) Interval {
	_, turns := r.series()
	pairs := pairUp(turns[contender], turns[baseline])
	if m == MetricCPU {
		pairs = alike(pairs)
	}
	return median(pairs, m.figure())
}

// Figure is a metric of all slices of a series together: seconds, operations a
// second, or a share. NaN: not known.
func (r *Results) Figure(m Metric, of Series) float64 {
	_, turns := r.series()
	return m.figure()(total(turns[of]))
}
