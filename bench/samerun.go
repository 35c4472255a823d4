package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mayDiffer are the settings that are not of the workload.
func mayDiffer() []string {
	return []string{
		"redis", "prefix", "url", "server-cpu", "client", "token-file", "keys", "issuer", "audience", // places
		"out", "baseline", // of the report
		"duration", "seed",
	}
}

// Workload is the settings that define what was measured, and so have to be the
// same in runs that are compared. The others name places, or say for how long
// and from where in the same workload was measured.
func (h Header) Workload() map[string]string {
	workload := maps.Clone(h.Settings)
	maps.DeleteFunc(workload, func(name, _ string) bool { return slices.Contains(mayDiffer(), name) })
	return workload
}

// sameRun wraps ErrDifferent with everything in which two runs differ that may
// not.
func sameRun(old, new *Results) error {
	was, is := facts(old), facts(new)
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, ok := was[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var differ []string
	for _, name := range names {
		if was[name] != is[name] {
			differ = append(differ, fmt.Sprintf("%s: old %s, new %s", name, cmp.Or(was[name], "none"), cmp.Or(is[name], "none")))
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDifferent, strings.Join(differ, "; "))
}

// facts are what has to be the same in runs that are compared, by name.
func facts(r *Results) map[string]string {
	e := r.Header.Environment
	all := map[string]string{
		"CPU":              e.CPU,
		"cores":            strconv.Itoa(e.Cores),
		"GOMAXPROCS":       strconv.Itoa(e.GOMAXPROCS),
		"operating system": e.OS + "/" + e.Arch,
		"scenarios":        scenarios(r),
		"loop":             "closed",
		"measured":         measured(r),
	}
	if r.Header.Open {
		all["loop"] = "open"
	}
	for name, value := range r.Header.Workload() {
		all["--"+name] = value
	}
	return all
}

func scenarios(r *Results) string {
	var names []string
	for _, d := range r.Header.Scenarios {
		names = append(names, d.Name)
	}
	slices.Sort(names) // taking turns in another order is the same
	return strings.Join(names, ", ")
}

// measured names the series that there are slices of: a run that was
// interrupted may lack some.
func measured(r *Results) string {
	order, _ := r.series()
	var names []string
	for _, s := range order {
		names = append(names, fmt.Sprintf("%s at %d", s.Contender, s.Concurrency))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
