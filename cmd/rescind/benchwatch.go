package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/rescindhq/rescind/bench"
)

const (
	// redrawEvery is how often the live line changes at most.
	redrawEvery = 100 * time.Millisecond
	// plainEvery is how often a line is written where none can be redrawn.
	plainEvery = 5 * time.Second
	// barCells is the length of the bar, which a narrow terminal goes without.
	barCells = 20
)

// watch shows how far a run is: on a terminal in one line that is redrawn in
// place, elsewhere in a line now and then, with --json not at all.
type watch struct {
	out   io.Writer
	width func() int // of the terminal; nil where there is none
	every time.Duration
	next  time.Time // when it shows something again
	drawn bool      // there is a line to clean up
	last  bench.Progress
}

func (c *call) newWatch() *watch {
	fd, live := terminal(c.stderr)
	switch {
	case c.json:
		return &watch{out: io.Discard, every: time.Hour, next: time.Now().Add(time.Hour)}
	case live && os.Getenv("TERM") != "dumb":
		return &watch{out: c.stderr, width: func() int { return columns(fd) }, every: redrawEvery}
	}
	return &watch{out: c.stderr, every: plainEvery, next: time.Now().Add(plainEvery)}
}

// columns is how wide a terminal is; one that does not say is as they used to be.
func columns(fd int) int {
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// setUp is told what is being done before a run, from 0 to 1.
func (w *watch) setUp(what string, share float64) {
	w.show(share, fmt.Sprintf("%s %.0f %%", what, 100*share))
}

// progress is told how far a run is.
func (w *watch) progress(p bench.Progress) {
	w.last = p
	share := 0.0
	if all := p.Done + p.Left; all > 0 {
		share = float64(p.Done) / float64(all)
	}
	w.show(share, describe(p, share))
}

// describe says how far a run is, in one line.
func describe(p bench.Progress, share float64) string {
	parts := []string{
		fmt.Sprintf("%.0f %%", 100*share),
		p.Left.Round(time.Second).String() + " left",
		fmt.Sprintf("%s@%d", p.Contender, p.Concurrency),
	}
	if p.Warmup {
		return strings.Join(append(parts, "warming up"), "  ")
	}
	return strings.Join(append(parts, grouped(int64(p.Rate))+"/s", "p50 "+rounded(p.P50), "p99 "+rounded(p.P99),
		counted(p.Errors, "error")), "  ")
}

// show draws the line, or writes it, unless it is too early for another.
func (w *watch) show(share float64, line string) {
	now := time.Now()
	if now.Before(w.next) {
		return
	}
	w.next = now.Add(w.every)
	if w.width == nil {
		fmt.Fprintln(w.out, line)
		return
	}
	w.drawn = true
	fmt.Fprintf(w.out, "\r%s\x1b[K", fit(w.width()-1, share, line))
}

// fit puts a bar before a line that leaves room for it, and cuts one that is
// too long. The last column stays free: some terminals wrap there.
func fit(width int, share float64, line string) string {
	full := min(barCells, int(share*barCells))
	if full >= 0 && len(line)+barCells+3 <= width {
		line = "[" + strings.Repeat("#", full) + strings.Repeat("-", barCells-full) + "] " + line
	}
	runes := []rune(line)
	return string(runes[:max(0, min(len(runes), width))])
}

// clear takes the live line away, so that what follows begins a line.
func (w *watch) clear() {
	if w.drawn {
		fmt.Fprint(w.out, "\r\x1b[K")
	}
	w.drawn, w.next = false, time.Time{}
	if w.width == nil {
		w.next = time.Now().Add(w.every)
	}
}

// grouped writes a number with its thousands apart: 1,234,567.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// counted writes a number and what it counts: no errors, 1 error, 2 errors.
func counted(n int64, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}
