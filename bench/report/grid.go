package report

import (
	"strings"
	"unicode/utf8"
)

// grid is aligned columns: those on the left hold names, the others figures,
// whose ends stand below each other. Cells are made printable. A row of one cell
// goes over all columns.
type grid struct {
	names int // how many columns hold names
	rows  [][]string
}

func (g *grid) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	g.rows = append(g.rows, cells)
}

func (g *grid) write(b *strings.Builder) {
	widths := g.widths()
	for _, row := range g.rows {
		var line strings.Builder
		for i, cell := range row {
			if len(row) == 1 {
				line.WriteString(cell)
				break
			}
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if i < g.names {
				line.WriteString(cell + gap)
			} else {
				line.WriteString(gap + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func (g *grid) widths() []int {
	var widths []int
	for _, row := range g.rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// wrap writes text in lines of at most width columns, each after its indent; a
// longer word keeps its own line.
func wrap(b *strings.Builder, text, first, rest string, width int) {
	line, indent := first, rest
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
