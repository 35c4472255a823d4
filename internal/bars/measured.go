package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/rescindhq/rescind/bench"
)

// measured is what one directory has.
type measured struct {
	runs   map[string]*bench.Results // by the name of the file
	golang map[golang][]float64
	counts map[string]float64 // by tests: bytes in Redis, allocations
}

// read reads a directory: results of bench run (.jsonl), the output of Go
// benchmarks (gobench.txt) and what tests have counted (memory.txt, allocs.txt).
// Without one of the latter its lines are not measured. A run that gave wrong answers, or
// did not come to its end, is no measurement.
func read(dir string) (*measured, error) {
	m := &measured{runs: map[string]*bench.Results{}, golang: map[golang][]float64{}, counts: map[string]float64{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no results", dir)
	}
	for _, name := range files {
		run, err := readRun(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m.runs[strings.TrimSuffix(filepath.Base(name), ".jsonl")] = run
	}
	if err := m.readGo(filepath.Join(dir, "gobench.txt")); err != nil {
		return nil, err
	}
	if err := m.readCounts(filepath.Join(dir, "memory.txt")); err != nil {
		return nil, err
	}
	return m, m.readCounts(filepath.Join(dir, "allocs.txt"))
}

func readRun(name string) (*bench.Results, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	run, err := bench.Read(file)
	if err != nil {
		return nil, err
	}
	if !run.End.Complete {
		return nil, fmt.Errorf("it did not come to its end: %s", run.End.Reason)
	}
	for _, s := range run.Summarize() {
		if n := s.Errors[bench.WrongAnswer]; n > 0 {
			return nil, fmt.Errorf("%s gave %d wrong answers", s.Contender, n)
		}
	}
	return run, nil
}

// readGo reads the metrics that benchmarks report. Their names have the number
// of cores at the end.
func (m *measured) readGo(name string) error {
	file, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	cores := regexp.MustCompile(`-\d+$`)
	lines := benchfmt.NewReader(file, name)
	for lines.Scan() {
		result, ok := lines.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		of := cores.ReplaceAllString(result.Name.String(), "")
		for _, v := range result.Values {
			m.golang[golang{of, v.Unit}] = append(m.golang[golang{of, v.Unit}], v.Value)
		}
	}
	return lines.Err()
}

// readCounts reads "entry and index member 332, log record 62, chain 248".
func (m *measured) readCounts(name string) error {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for one := range strings.SplitSeq(strings.TrimSpace(string(text)), ", ") {
		at := strings.LastIndex(one, " ")
		n, err := strconv.ParseFloat(one[at+1:], 64)
		if err != nil || at < 0 {
			return fmt.Errorf("%s: %q is no number of anything", name, one)
		}
		m.counts[one[:at]] = n
	}
	return nil
}

// machines are what the runs were measured on, each once.
func (m *measured) machines() []string {
	var all []string
	for _, r := range m.runs {
		e := r.Header.Environment
		on := fmt.Sprintf("%s, %d cores (GOMAXPROCS %d), %s/%s, %s", e.CPU, e.Cores, e.GOMAXPROCS, e.OS, e.Arch, e.Go)
		if !slices.Contains(all, on) {
			all = append(all, on)
		}
	}
	slices.Sort(all)
	return all
}

// redis are the versions of Redis that were measured.
func (m *measured) redis() []string {
	var all []string
	for _, r := range m.runs {
		if v := r.Header.Environment.Redis["version"]; v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}
