package house

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machine is a PATH with nothing on it but what a test puts there.
type machine struct {
	t   *testing.T
	dir string
}

func newMachine(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	for _, program := range []string{"sed", "cat"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(m.dir, program)))
	}
	for _, program := range []string{"cc", "curl", "python3"} {
		m.has(program, "")
	}
	return m
}

// has puts a program on the machine.
func (m machine) has(program, script string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, program), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
}

// prepare runs .ci/prepare.
func (m machine) prepare(env ...string) (code int, stdout, stderr string) {
	m.t.Helper()
	cmd := exec.Command("/bin/sh", "../../.ci/prepare")
	cmd.Env = append([]string{"PATH=" + m.dir}, env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.True(m.t, errors.As(err, &exit), "%v", err)
		code = exit.ExitCode()
	}
	return code, out.String(), errs.String()
}

const redis7 = `echo "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64"`

func TestPrepareFindsRedis(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.has("valkey-server", `echo "Valkey server v=8.1.1 sha=00000000:0"`)
	code, stdout, stderr := m.prepare()
	assert.Equal(t, 0, code, stderr)
	assert.Equal(t, filepath.Join(m.dir, "valkey-server")+"\n", stdout)

	m.has("redis-server", redis7)
	_, stdout, _ = m.prepare()
	assert.Equal(t, filepath.Join(m.dir, "redis-server")+"\n", stdout, "redis-server comes before valkey-server")
	_, stdout, _ = m.prepare("REDIS_SERVER=" + filepath.Join(m.dir, "valkey-server"))
	assert.Equal(t, filepath.Join(m.dir, "valkey-server")+"\n", stdout, "REDIS_SERVER comes first")

	code, stdout, stderr = m.prepare("REDIS_SERVER=/no/such/redis")
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "error: REDIS_SERVER=/no/such/redis cannot be run\n", stderr)

	m.has("redis-server", `echo "Redis server v=6.2.14 sha=00000000:0"`)
	code, _, stderr = m.prepare()
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "want Redis 7.0, Valkey 7.2 or later")
}

// Without root or INSTALL=1 nothing is installed; the one command is printed.
func TestPrepareSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.has("id", "echo 1000")
	m.has("apt-get", `echo "installed $*"; exit 1`)
	m.has("sudo", `exec "$@"`)
	code, stdout, stderr := m.prepare()
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "hint: sudo sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends redis-server'\n")
	assert.NotContains(t, stderr, "installed")

	require.NoError(t, os.Remove(filepath.Join(m.dir, "apt-get")))
	code, _, stderr = m.prepare()
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "no package manager that is known here")
}

// As root, or with INSTALL=1, it is installed, and said to be.
func TestPrepareInstalls(t *testing.T) {
	t.Parallel()
	for _, user := range []struct{ id, variable string }{{"0", ""}, {"1000", "INSTALL=1"}} {
		m := newMachine(t)
		m.has("id", "echo "+user.id)
		m.has("sh", `exec /bin/sh "$@"`)
		m.has("sudo", `exec "$@"`)
		m.has("chmod", `exec /bin/chmod "$@"`)
		m.has("apk", `printf '#!/bin/sh\n%s\n' '`+redis7+`' > "`+m.dir+`/redis-server"; chmod +x "`+m.dir+`/redis-server"; echo "installed $*"`)
		code, stdout, stderr := m.prepare(user.variable)
		assert.Equal(t, 0, code, stderr)
		assert.Equal(t, filepath.Join(m.dir, "redis-server")+"\n", stdout)
		assert.Equal(t, "installing redis: apk add redis\ninstalled add redis\n", stderr)
	}
}
