package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sources are the parsed files of the code, without tests, that a pattern
// names.
func sources(t *testing.T, pattern string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files, pattern)
	return files
}

// statuses are the constants of net/http that the tables of errors use.
var statuses = map[string]int{
	"StatusBadRequest": 400, "StatusUnauthorized": 401, "StatusForbidden": 403, "StatusNotFound": 404,
	"StatusMethodNotAllowed": 405, "StatusConflict": 409, "StatusTooManyRequests": 429,
	"StatusInternalServerError": 500, "StatusServiceUnavailable": 503,
}

// refusal is a status and a code.
type refusal struct {
	status int
	code   string
}

// refusals are those that the code has: wherever a constant of net/http and a
// code stand in one literal, or a code is unauthorized's.
func refusals(t *testing.T) []refusal {
	t.Helper()
	var all []refusal
	for _, f := range slices.Concat(sources(t, "server/errors.go"), sources(t, "server/oautherrors.go"),
		sources(t, "rotation/refusal.go"), sources(t, "verifier/refusal.go")) {
		ast.Inspect(f, func(n ast.Node) bool {
			var r refusal
			switch n := n.(type) {
			case *ast.CompositeLit:
				for _, e := range n.Elts {
					r.note(e)
				}
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "unauthorized" {
					r.status = 401
					r.note(n.Args[0])
				}
			}
			if r.status != 0 && r.code != "" && !slices.Contains(all, r) {
				all = append(all, r)
			}
			return true
		})
	}
	return all
}

// note takes what an element of a literal says.
func (r *refusal) note(e ast.Expr) {
	if pair, ok := e.(*ast.KeyValueExpr); ok {
		if name, ok := pair.Key.(*ast.Ident); !ok || name.Name != "Status" && name.Name != "Code" {
			return
		}
		e = pair.Value
	}
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if status, ok := statuses[e.Sel.Name]; ok {
			r.status = status
		}
	case *ast.BasicLit:
		if code, err := strconv.Unquote(e.Value); err == nil && r.code == "" {
			r.code = code
		}
	}
}

var (
	errorRow = regexp.MustCompile(`(?m)^\| (\d{3}) \| ([^|]+) \|`)
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// The table of errors in docs/http.md is that of the code.
func TestDocumentedErrors(t *testing.T) {
	var documented []refusal
	for _, row := range errorRow.FindAllStringSubmatch(read(t, "docs/http.md").prose(), -1) {
		status, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		for _, code := range quoted.FindAllStringSubmatch(row[2], -1) {
			documented = append(documented, refusal{status, code[1]})
		}
	}
	inCode := refusals(t)
	require.Greater(t, len(inCode), 12)
	for _, r := range inCode {
		assert.Contains(t, documented, r, "not in docs/http.md")
	}
	for _, r := range documented {
		if r.status == 400 && strings.HasPrefix(r.code, "token_") {
			r.status = 401 // in a body (inBody in server/errors.go)
		}
		assert.Contains(t, inCode, r, "in docs/http.md only")
	}
}

// Every route and every metric of the server is in docs/http.md.
func TestDocumentedRoutesAndMetrics(t *testing.T) {
	text := read(t, "docs/http.md").text
	routes := stringsIn(t, "server/routes.go", func(s string) bool { return strings.HasPrefix(s, "/") })
	require.Greater(t, len(routes), 10)
	for _, route := range routes {
		assert.Contains(t, text, strings.ReplaceAll(route, "{id:[^/]*}", "{id}"))
	}
	isMetric := regexp.MustCompile(`^[a-z]+(_[a-z]+)*_(total|seconds|info)$`).MatchString
	metrics := append(stringsIn(t, "server/metrics.go", isMetric), stringsIn(t, "server/oauthmetrics.go", isMetric)...)
	require.Greater(t, len(metrics), 5)
	for _, metric := range metrics {
		assert.Contains(t, text, "`"+metric+"`")
	}
}

func stringsIn(t *testing.T, file string, wanted func(string) bool) []string {
	t.Helper()
	var found []string
	ast.Inspect(sources(t, file)[0], func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && wanted(s) {
				found = append(found, s)
			}
		}
		return true
	})
	return found
}

// ruleRow is a row of the table of rules in docs/design.md.
var (
	ruleRow   = regexp.MustCompile(`(?m)^\| (R\d+) \| ([^|]+) \| ([^|]+) \|$`)
	codeNames = regexp.MustCompile("\\]\\(\\.\\./([^)]+)\\)((?: `[^`]+`,?)*)")
)

// The table of rules has each of them once, and the functions that it names
// are in the files that it names.
func TestDocumentedRules(t *testing.T) {
	var rules []string
	for _, row := range ruleRow.FindAllStringSubmatch(read(t, "docs/design.md").prose(), -1) {
		rules = append(rules, row[1])
		for _, found := range codeNames.FindAllStringSubmatch(row[3], -1) {
			source, err := os.ReadFile(filepath.Join(root, found[1]))
			if !assert.NoError(t, err, row[1]) {
				continue
			}
			for _, name := range quoted.FindAllStringSubmatch(found[2], -1) {
				declared := fmt.Sprintf(`(?m)(\bfunc (\([^)]*\) )?%[1]s\b|\b(const|var|type) %[1]s\b|^\s*%[1]s\b|local function %[1]s\b)`, regexp.QuoteMeta(name[1]))
				assert.Regexp(t, declared, string(source), "%s: %s", row[1], found[1])
			}
		}
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("R%d", i+1))
	}
	assert.Equal(t, want, rules)
}
