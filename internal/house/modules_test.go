package house

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree is a repository of these modules with our scripts, and go in it a
// program that says where it is and fails in one of them.
func tree(t *testing.T, failsIn string, modules ...string) (dir, gotool string) {
	t.Helper()
	dir = t.TempDir()
	put := func(path, text string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	}
	for _, script := range []string{".ci/modules", ".ci/test"} {
		text, err := os.ReadFile(filepath.Join("../..", script))
		require.NoError(t, err)
		put(script, string(text))
	}
	for _, module := range modules {
		put(filepath.Join(module, "go.mod"), "module x\n")
	}
	put("node_modules/x/go.mod", "module others\n")
	put("go", "#!/bin/sh\necho \"$* in $PWD\"\n[ \"$PWD\" != '"+filepath.Join(dir, failsIn)+"' ]\n")
	return dir, filepath.Join(dir, "go")
}

// testAll runs .ci/test and returns where it ran go.
func testAll(dir, gotool string) (ran []string, err error) {
	cmd := exec.Command(filepath.Join(dir, ".ci/test"))
	cmd.Env = append(os.Environ(), "GO="+gotool)
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		if where, ok := strings.CutPrefix(strings.TrimSpace(line), "test -race -timeout 15m ./... in "+dir); ok {
			ran = append(ran, strings.TrimPrefix(where, "/"))
		}
	}
	return ran, err
}

func TestEveryModuleIsTested(t *testing.T) {
	t.Parallel()
	dir, gotool := tree(t, "nowhere", ".", "a", "b/c", "internal/interop")
	ran, err := testAll(dir, gotool)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "a", "b/c"}, ran)

	// The first that fails ends it, the root's failure and the last one's too.
	for failing, want := range map[string][]string{".": {""}, "a": {"", "a"}, "b/c": {"", "a", "b/c"}} {
		dir, gotool := tree(t, failing, ".", "a", "b/c")
		ran, err := testAll(dir, gotool)
		assert.Error(t, err, failing)
		assert.Equal(t, want, ran)
	}

	dir, gotool = tree(t, "nowhere", "a") // a checkout that is broken
	ran, err = testAll(dir, gotool)
	assert.Error(t, err)
	assert.Empty(t, ran)
}

// What the script finds is what there is.
func TestModulesAreFound(t *testing.T) {
	t.Parallel()
	want := []string{"."}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if module, _ := filepath.Rel("../..", filepath.Dir(path)); d.Name() == "go.mod" && module != "." {
			want = append(want, "./"+module)
		}
		return err
	})
	require.NoError(t, err)
	out, err := exec.Command("../../.ci/modules").Output()
	require.NoError(t, err)
	assert.Equal(t, want, strings.Fields(string(out)))
}
