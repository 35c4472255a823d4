package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClients runs client libraries of other languages against a server with
// TLS, none of them with an option that makes it less strict. Each program
// tells what it saw at each step; beside it is what it has to see.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, library := range []struct {
		program string // below clients/
		run     func(*testing.T) string
	}{
		{"node/openid-client.mjs", node},
		{"node/oauth4webapi.mjs", node},
		{"node/jose.mjs", node},
		{"node/jsonwebtoken.mjs", node},
		{"python/pyjwt_client.py", python},
		{"ruby/ruby_jwt.rb", ruby},
	} {
		t.Run(library.program, func(t *testing.T) {
			t.Parallel()
			interpreter := library.run(t)
			ca := newAuthority(t)
			cert, key := ca.Issue("server")
			h := newHouse(t, houseOptions{TLSCert: cert, TLSKey: key, Authority: ca})
			command, err := binary()
			require.NoError(t, err)
			env := append(h.Env(), "NODE_EXTRA_CA_CERTS="+ca.File, "SSL_CERT_FILE="+ca.File,
				"INTEROP_COMMAND="+command, "INTEROP_KEYS="+filepath.Join(h.dir, "keys"))

			path := filepath.Join("clients", library.program)
			want, err := os.ReadFile(path[:len(path)-len(filepath.Ext(path))] + ".json")
			require.NoError(t, err)
			saw := run(t, "", env, "", interpreter, path)
			assert.JSONEq(t, string(want), saw, "%s", saw)
		})
	}
}

func node(t *testing.T) string {
	t.Helper()
	_, err := os.Stat("clients/node/node_modules")
	require.NoError(t, err, "make interop installs them")
	return program(t, "node", "nodejs")
}

func python(t *testing.T) string {
	t.Helper()
	return knowing(t, "python3", "-c", "import jwt, cryptography")
}

func ruby(t *testing.T) string {
	t.Helper()
	return knowing(t, "ruby", "-e", "require 'jwt'")
}

// knowing is the first interpreter of that name that has the library: a user's
// own often comes before the machine's, and has other libraries.
func knowing(t *testing.T, name string, has ...string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil && exec.CommandContext(t.Context(), path, has...).Run() == nil {
			return path
		}
	}
	require.FailNow(t, "missing: a "+name+" that can "+has[1], "make interop installs it (INSTALL=1 where you are not root)")
	return ""
}
