package report

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// stageNames are the stages of all algorithms, in the order of a verification.
func (r run) stageNames() []string {
	var names []string
	for _, s := range r.Stages {
		for _, stage := range s.Stages {
			if !slices.Contains(names, stage.Name) {
				names = append(names, stage.Name)
			}
		}
	}
	return names
}

func (r run) stageKeys() []key {
	var keys []key
	for i, name := range r.stageNames() {
		keys = append(keys, key{name, []shape{{"bar " + colour(i), box(0, 0, 30, 12)}}})
	}
	return keys
}

// breakdownChart is a bar for each algorithm, stacked from the stages of a
// verification; nil where they were not measured.
func (r run) breakdownChart(id string) []chart {
	if len(r.Stages) == 0 {
		return nil
	}
	var c chart
	for _, s := range sizes(true) {
		c.Drawings = append(c.Drawings, r.breakdownDrawing(id, s))
	}
	return []chart{c}
}

func (r run) breakdownDrawing(id string, s size) drawing {
	const row, bar = 50, 26
	x, text := extent{}, ""
	x.add(0)
	for _, stages := range r.Stages {
		x.add(float64(whole(stages)))
		text += fmt.Sprintf("%s: %s. ", stages.Algorithm, duration(whole(stages)))
	}
	height := 46 + row*float64(len(r.Stages))
	p := &plot{left: 12, right: s.width - 16, top: 4, bottom: height - 42}
	if s.direct {
		p.left = 80
	}
	p.drawing = newDrawing(id, s.class, s.width, height, "Where a verification's time goes", text)
	p.x = x.axis(p.left, p.right)
	p.xAxis("time of one verification, median of each stage", p.x.ticks(56, nanoseconds))
	for i, stages := range r.Stages {
		y := p.top + row*float64(i) + 16
		if s.direct {
			p.text("name", "end", p.left-10, y+bar/2+4, shorten(stages.Algorithm, 9))
		} else {
			p.text("name", "start", p.left, y-4, shorten(stages.Algorithm, 20)+" "+duration(whole(stages)))
		}
		p.stack(stages, r.stageNames(), y, bar)
	}
	return p.drawing
}

// stack draws one bar. A stage has its name in it where there is room.
func (p *plot) stack(s bench.Stages, names []string, y, height float64) {
	var past time.Duration
	for _, stage := range s.Stages {
		from, to := p.x.at(float64(past)), p.x.at(float64(past+max(stage.Time, 0)))
		past += max(stage.Time, 0)
		if to-from < 0.1 {
			continue
		}
		// A gap of one unit keeps neighbours apart without their colours.
		p.path("bar "+colour(slices.Index(names, stage.Name)), box(from, y, max(to-from-1, 0.4), height))
		text := shorten(stage.Name, 16) + " " + duration(stage.Time)
		if textWidth(text, fontSize)+12 > to-from {
			text = shorten(stage.Name, 16)
		}
		if textWidth(text, fontSize)+12 <= to-from {
			p.text("inbar", "middle", (from+to)/2, y+height/2+4, text)
		}
	}
}

func whole(s bench.Stages) time.Duration {
	var sum time.Duration
	for _, stage := range s.Stages {
		sum += max(stage.Time, 0)
	}
	return sum
}

// stageTable has the figures of the bars, and each one's share.
func (r run) stageRows() table {
	t := table{Heading: []cell{{Text: "algorithm"}}}
	for _, name := range append(r.stageNames(), "together") {
		t.Heading = append(t.Heading, cell{Text: name, Number: true})
	}
	for _, stages := range r.Stages {
		row := []cell{{Text: stages.Algorithm}}
		for _, name := range r.stageNames() {
			row = append(row, stageCell(stages, name))
		}
		t.Rows = append(t.Rows, append(row, cell{Text: duration(whole(stages)), Number: true}))
	}
	return t
}

// stageTime writes the time of a stage. It is a difference of two measurements,
// and no stage takes none: one that comes out so was lost in their noise.
func stageTime(d time.Duration) string {
	if d <= 0 {
		return unknown
	}
	return duration(d)
}

func stageCell(s bench.Stages, name string) cell {
	for _, stage := range s.Stages {
		if stage.Name != name {
			continue
		}
		c := cell{Text: stageTime(stage.Time), Number: true}
		if sum := whole(s); sum > 0 && stage.Time > 0 {
			c.Below = strconv.FormatFloat(100*float64(stage.Time)/float64(sum), 'f', 1, 64) + " %"
		}
		return c
	}
	return cell{Text: unknown, Number: true}
}
