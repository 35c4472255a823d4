package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// link is [text](target), images too.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Each relative link names a file, and where it has a fragment, a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(d.prose(), -1) {
			target := found[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(target, "#")
			file = path.Join(path.Dir(d.path), file)
			if strings.HasPrefix(target, "#") {
				file = d.path
			}
			if _, err := os.Stat(filepath.Join(root, file)); !assert.NoError(t, err, "%s: %s", d.path, target) {
				continue
			}
			if fragment != "" {
				assert.Contains(t, read(t, file).anchors(), fragment, "%s: %s", d.path, target)
			}
		}
	}
}

// anchors are the fragments that headings have.
func (d document) anchors() []string {
	var all []string
	for _, line := range strings.Split(d.prose(), "\n") {
		if title := strings.TrimLeft(line, "#"); title != line {
			all = append(all, anchor(strings.TrimSpace(title)))
		}
	}
	return all
}

// anchor is what the usual renderers make of a heading: lower case, hyphens
// for spaces, no punctuation.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// Prose and tables stay narrow enough to be read without a renderer.
func TestLinesAreReadable(t *testing.T) {
	for _, d := range documents(t) {
		for _, line := range strings.Split(d.prose(), "\n") {
			most, shown := 120, line
			if strings.HasPrefix(line, "|") {
				most, shown = 260, link.ReplaceAllString(line, "")
			}
			assert.LessOrEqual(t, len([]rune(shown)), most, "%s: %s", d.path, line)
			assert.Equal(t, strings.TrimRight(line, " \t"), line, "%s: white space at the end of a line", d.path)
		}
	}
}
