// Package docs_test holds the documents to what they say: each command that
// they show is run, each link leads somewhere, and what they repeat of the code
// is what the code says.
package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository's.
const root = "../.."

// document is one Markdown file.
type document struct {
	path string // from the root
	text string
}

func read(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return document{path, string(text)}
}

// documents are all Markdown files that the documentation consists of.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			path, err = filepath.Rel(root, path)
			require.NoError(t, err)
			all = append(all, read(t, path))
		}
	}
	require.NotEmpty(t, all)
	return all
}

// block is a fenced block of code.
type block struct {
	language string
	line     int // of its first line in the document
	lines    []string
}

func (b block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// blocks are the fenced blocks, in their order.
func (d document) blocks() []block {
	var all []block
	var open *block
	for i, line := range strings.Split(d.text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open == nil && isFence:
			open = &block{language: fence, line: i + 2}
		case isFence:
			all, open = append(all, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	return all
}

// in are the blocks in a language.
func (d document) in(language string) []block {
	var some []block
	for _, b := range d.blocks() {
		if b.language == language {
			some = append(some, b)
		}
	}
	return some
}

// prose is the document without its fenced blocks.
func (d document) prose() string {
	var b strings.Builder
	inside := false
	for _, line := range strings.Split(d.text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
			continue
		}
		if !inside {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
