package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// instantLayout is RFC 3339 with milliseconds, as in the HTTP API.
const instantLayout = "2006-01-02T15:04:05.000Z07:00"

// instant writes a time for people and JSON; an absent one is empty.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(instantLayout)
}

// printJSON answers with one JSON value, which people look at too: what could
// drive a terminal is escaped, beyond what JSON asks for.
func (c *call) printJSON(value any) error {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(c.stdout, escape(out.String()))
	return err
}

// printTable answers with aligned columns under a heading.
func (c *call) printTable(heading []string, rows [][]string) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heading, "\t"))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = orDash(printable(cell))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// printFacts answers with names and values, one a line; empty ones are left out.
func (c *call) printFacts(facts ...[2]string) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, fact := range facts {
		if fact[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", fact[0], printable(fact[1]))
		}
	}
	return w.Flush()
}

func orDash(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}

// printable quotes text that could drive a terminal or upset a table: ids come
// from tokens, which anybody may have written.
func printable(text string) string {
	for _, r := range text {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}
