package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func pageOf(t *testing.T, runs ...*bench.Results) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, HTML(&b, runs...))
	return b.String()
}

// every is a name for each of the made-up results.
func every(t *testing.T) map[string]*bench.Results {
	all := odd(t)
	maps.Copy(all, eventful(t))
	all["outage"], all["storm"], all["fleet"] = outage(t), storm(t), fleet(t)
	all["closed"], all["broken"], all["hostile"] = closed(t), broken(t), hostile(t)
	return all
}

// A page is made of each of the results once, and looked at in every way.
func TestHTMLPages(t *testing.T) {
	t.Parallel()
	for name, results := range every(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := pageOf(t, results)
			checkNeedsNothingElse(t, page)
			for _, svg := range svgs.FindAllString(page, -1) {
				checkSVG(t, svg)
			}
			switch name {
			case "closed":
				assert.Greater(t, len(svgs.FindAllString(page, -1)), 20)
			case "long":
				assert.Less(t, len(page), 150_000)
			default:
				assert.Less(t, len(page), 1_500_000)
			}
		})
	}
}

func checkNeedsNothingElse(t *testing.T, page string) {
	t.Helper()
	assert.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'"`)
	// Foreign text may have the word, never the markup; patterns are in the page.
	text := strings.NewReplacer("img src=http", "", "url(#", "").Replace(page)
	for _, banned := range []string{"<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "javascript:"} {
		assert.False(t, strings.Contains(text, banned), "there is %q in the page", banned)
	}
	for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.True(t, strings.HasPrefix(href[1], "#"), "href %q", href[1])
		assert.True(t, strings.Contains(page, `id="`+href[1][1:]+`"`), "href %q", href[1])
	}
}

func TestHTMLEscapesForeignText(t *testing.T) {
	t.Parallel()
	page := pageOf(t, hostile(t), badNames(t))
	assert.Contains(t, page, "&lt;script&gt;")
	assert.NotContains(t, page, "<script")
	assert.NotContains(t, page, "\u202e")
	assert.NotContains(t, page, "\x1b")
}

var svgs = regexp.MustCompile(`(?s)<svg.*?</svg>`)

var numbers = regexp.MustCompile(`-?[0-9.]+|[A-Za-z]+`)

// checkSVG reads a drawing as XML and looks at each number in it.
func checkSVG(t *testing.T, svg string) {
	t.Helper()
	var has struct{ title, desc, hidden bool }
	in := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := in.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err, svg)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		has.title = has.title || element.Name.Local == "title"
		has.desc = has.desc || element.Name.Local == "desc"
		for _, a := range element.Attr {
			has.hidden = has.hidden || a.Name.Local == "aria-hidden"
			checkNumbers(t, a)
		}
	}
	assert.True(t, has.hidden || (has.title && has.desc), "no title or description: %.200s", svg)
}

func checkNumbers(t *testing.T, a xml.Attr) {
	t.Helper()
	switch a.Name.Local {
	case "x", "y", "x1", "x2", "y1", "y2", "d", "viewBox":
	default:
		return
	}
	for _, part := range numbers.FindAllString(a.Value, -1) {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil {
			assert.Contains(t, "MLaZ", part, "%s=%q", a.Name.Local, a.Value)
			continue
		}
		if math.IsNaN(v) || math.Abs(v) > 10_000 { // there are a hundred thousand
			assert.Fail(t, "no place in a drawing", "%s=%q", a.Name.Local, a.Value)
		}
	}
}

func TestHTMLIDsAreUnique(t *testing.T) {
	t.Parallel()
	page := pageOf(t, closed(t), closed(t), broken(t))
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, seen[id[1]], "id %q stands twice", id[1])
		seen[id[1]] = true
	}
	for _, ids := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for _, id := range strings.Fields(ids[1]) {
			assert.True(t, seen[id], "nothing has the id %q", id)
		}
	}
}

// Five minutes of half-second slices, with everything that a page can show.
func TestHTMLStaysSmall(t *testing.T) {
	t.Parallel()
	wide := newMaker(t).results(false, 38, []int{1, 4, 16, 64}, workloads()...)
	assert.Less(t, len(pageOf(t, wide)), 500_000)
	assert.Less(t, len(pageOf(t, alone(t))), 100_000)
}

func TestHTMLSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	page := pageOf(t, broken(t))
	for _, want := range []string{
		"verify at 16 gave 2 wrong answers", "Interrupted (signal: interrupt)",
		"verify kept 1,840/s of the 2,000/s", "timeout 15", "240 operations were due and never begun",
	} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, pageOf(t, closed(t)), "Interrupted")
}

func TestHTMLContents(t *testing.T) {
	t.Parallel()
	heading := func(text string) string { return "<h3>" + text + "</h3>" }
	all := []string{
		heading("Ratios to naive"), heading("Latency by percentile"), heading("Latency over time"),
		heading("Throughput against concurrency"), heading("Where a verification&#39;s time goes"),
		heading("What callers saw"), heading("Gauges"),
	}
	has := func(r *bench.Results) []string {
		var found []string
		page := pageOf(t, r)
		for _, h := range all {
			if strings.Contains(page, h) {
				found = append(found, h)
			}
		}
		return found
	}
	assert.Equal(t, all[:5], has(closed(t)))
	assert.Equal(t, []string{all[0], all[1], all[5]}, has(outage(t)), "latency over time is in what callers saw")
	assert.Equal(t, []string{all[5]}, has(newMaker(t).outage(sufferers(), faults(), 0)))
	assert.Equal(t, all[:3], has(broken(t)), "one level, an open loop, no stages")
	assert.Equal(t, all[1:3], has(alone(t)), "no baseline")
	assert.Equal(t, all[1:4], has(odd(t)["alone"]))
	assert.Empty(t, has(odd(t)["idle"]))
	paced := closed(t)
	paced.Header.Open = true
	assert.NotContains(t, has(paced), all[3], "the plan decides the rate")
}

var (
	variables = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`)
	roots     = regexp.MustCompile(`(?s):root \{(.*?)\}`)
)

// Text is readable and curves are visible in both themes, by WCAG 2.1's measure.
func TestHTMLContrast(t *testing.T) {
	t.Parallel()
	themes := roots.FindAllStringSubmatch(pageText, 2)
	require.Len(t, themes, 2)
	for i, theme := range themes {
		color := map[string]string{}
		for _, v := range variables.FindAllStringSubmatch(theme[1], -1) {
			color[v[1]] = v[2]
		}
		require.Len(t, color, 21, "theme %d", i)
		pairs := [][2]string{
			{"ink", "page"}, {"ink", "card"}, {"muted", "page"}, {"muted", "card"}, {"link", "page"},
			{"alarm", "alarm-back"}, {"warn", "warn-back"},
		}
		for c := range colours {
			name := "c" + strconv.Itoa(c)
			pairs = append(pairs, [2]string{name, "card"}, [2]string{"on", name})
		}
		for _, p := range pairs {
			assert.GreaterOrEqual(t, contrast(t, color[p[0]], color[p[1]]), 4.5, "theme %d: %s on %s", i, p[0], p[1])
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	high, low := luminance(t, a), luminance(t, b)
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

func luminance(t *testing.T, color string) float64 {
	require.Len(t, color, 7)
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		c := float64(v) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no room")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReportErrors(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]func(io.Writer, ...*bench.Results) error{
		"table": Table, "markdown": Markdown, "json": JSON, "html": HTML,
	} {
		assert.ErrorIs(t, form(full{}, broken(t)), errFull, name)
	}
	assert.ErrorIs(t, Comparison(full{}, nil), errFull)
	assert.ErrorIs(t, ComparisonJSON(full{}, nil), errFull)
}
