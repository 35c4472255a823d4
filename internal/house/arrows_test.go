// Package house holds the tests of the repository's own shape.
package house

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/rescindhq/rescind"

// allowed is what each part of the house may import of the others. Arrows
// never run back: cmd, bench, server → rotation → verifier → denylist. The
// bench measures what everybody can import, and so never the server.
var allowed = map[string][]string{
	"denylist":              {},
	"denylist/denylisttest": {"denylist"},
	"verifier":              {"denylist"},
	"rotation":              {"denylist", "verifier"},
	"server":                {"denylist", "verifier", "rotation"},
	"bench":                 {"denylist", "verifier", "rotation"},
	"cmd/internal/duration": {},
	"cmd/internal/trust":    {"cmd/internal/duration", "verifier"},
	"cmd/rescind":           {"cmd/internal/duration", "cmd/internal/trust", "denylist", "verifier", "rotation", "server", "bench"},
}

// elsewhere holds packages that are nobody's collaborators: they may import
// all, and nothing but each other imports them.
var elsewhere = []string{"internal/", "examples/"}

func TestArrowsNeverRunBack(t *testing.T) {
	packages := goList(t)
	require.Contains(t, packages, "denylist", "go list found another module")
	for name, imports := range packages {
		if isElsewhere(name) {
			continue
		}
		part, ok := partOf(name)
		if !assert.True(t, ok, "%s is no part of the house: rename it, or give it its arrows here", name) {
			continue
		}
		for _, imported := range imports {
			assert.Truef(t, mayImport(part, imported), "%s imports %s", name, imported)
		}
	}
}

func mayImport(part, imported string) bool {
	to, ok := partOf(imported)
	return ok && (to == part || slices.Contains(allowed[part], to))
}

// partOf is the longest part that a package is, or is below.
func partOf(name string) (string, bool) {
	for dir := name; dir != "" && dir != "."; dir = parent(dir) {
		if _, ok := allowed[dir]; ok {
			return dir, true
		}
	}
	return "", false
}

func parent(dir string) string {
	i := strings.LastIndex(dir, "/")
	return dir[:max(i, 0)]
}

func isElsewhere(name string) bool {
	return slices.ContainsFunc(elsewhere, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// goList returns each package of the module, without its tests, and what it
// imports of the module.
func goList(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module+"/")
		packages[name] = nil
		for _, imported := range fields[1:] {
			if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
				packages[name] = append(packages[name], inside)
			}
		}
	}
	return packages
}

// The rule itself, on arrows that it must refuse.
func TestArrowsAreJudged(t *testing.T) {
	for _, arrow := range []struct {
		from, to string
		want     bool
	}{
		{"server", "rotation", true},
		{"cmd/rescind", "server", true},
		{"denylist/denylisttest", "denylist", true},
		{"denylist", "verifier", false},
		{"denylist", "denylist/denylisttest", false},
		{"verifier", "rotation", false},
		{"rotation", "server", false},
		{"bench", "server", false},
		{"server", "internal/redistest", false},
		{"server", "examples/golang-jwt", false},
	} {
		part, ok := partOf(arrow.from)
		require.True(t, ok)
		assert.Equal(t, arrow.want, mayImport(part, arrow.to), "%s → %s", arrow.from, arrow.to)
	}
}
