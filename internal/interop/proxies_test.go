package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const asksForwardAuth = "GET /v1/verify?scope=read+write"

// proxies are those with a file in deploy/ that are run. Traefik and Envoy are
// in shapes_test.go.
func proxies() []proxy {
	return []proxy{
		{name: "nginx", start: startNginx, asks: asksForwardAuth, down: 503, cannotTell: 503, reusesConn: true},
		{name: "caddy", start: startCaddy, asks: asksForwardAuth, down: 502, cannotTell: 503, reusesConn: true},
		{name: "haproxy", start: startHAProxy, asks: asksForwardAuth, down: 503, cannotTell: 503, reusesConn: true},
		// It cannot tell "refused" from "cannot tell": docs/http.md says so.
		{name: "apache", start: startApache, asks: "POST /oauth/introspect", down: 401, cannotTell: 401, wantsTLS: true, mergesSlash: true},
	}
}

// overTLS takes the lines in that say how, in place of the one before them.
func overTLS(t *testing.T, text, ca string) string {
	t.Helper()
	plain := "        proxy_pass http://rescind/v1/verify?scope=read+write;\n"
	require.Contains(t, text, plain)
	text = strings.Replace(text, plain, "", 1)
	require.Contains(t, text, "#tls ")
	text = strings.ReplaceAll(text, "#tls ", "")
	require.Contains(t, text, "/etc/rescind/ca.pem")
	return strings.Replace(text, "/etc/rescind/ca.pem", ca, 1)
}

func startNginx(t *testing.T, at places) *process {
	dir := t.TempDir()
	text := deployed(t, "nginx/rescind.conf", "listen 80;", "listen "+at.front+";",
		"server 127.0.0.1:8080;", "server "+at.rescind+";", "http://127.0.0.1:9000", "http://"+at.app)
	if at.forwardsToken {
		text = withoutStripping(t, text)
	}
	if at.ca != "" {
		text = overTLS(t, text, at.ca)
	}
	write(t, dir, "rescind.conf", text)
	var scratch strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&scratch, "%s_temp_path %s; ", kind, filepath.Join(dir, kind))
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // or the workers could not write where the test may
	}
	main := write(t, dir, "nginx.conf", fmt.Sprintf(`
%[3]s daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr warn;
events { worker_connections 256; }
http { access_log off; underscores_in_headers on; %[2]s include %[1]s/rescind.conf; }
`, dir, scratch.String(), user))
	return start(t, dir, at.front, nil, program(t, "nginx"), "-e", "stderr", "-p", dir, "-c", main)
}

func startCaddy(t *testing.T, at places) *process {
	dir := t.TempDir()
	text := deployed(t, "caddy/Caddyfile", "app.example", "http://"+at.front,
		"127.0.0.1:8080", at.rescind, "127.0.0.1:9000", at.app)
	if at.forwardsToken {
		text = withoutStripping(t, text)
	}
	// Its API would listen on a port that all share.
	text = "{\n\tadmin off\n}\n" + strings.Replace(text, "http://"+at.front, "http://app.example:"+port(at.front), 1)
	file := write(t, dir, "Caddyfile", text)
	return start(t, dir, at.front, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir},
		program(t, "caddy"), "run", "--config", file, "--adapter", "caddyfile")
}

func startHAProxy(t *testing.T, at places) *process {
	dir := t.TempDir()
	text := deployed(t, "haproxy/haproxy.cfg", "bind :80", "bind "+at.front,
		"127.0.0.1:8080", at.rescind, "127.0.0.1:9000", at.app)
	if at.forwardsToken {
		text = withoutStripping(t, text)
	}
	write(t, dir, "haproxy.cfg", text)
	write(t, dir, "rescind.lua", deployed(t, "haproxy/rescind.lua"))
	return start(t, dir, at.front, nil, program(t, "haproxy"), "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
}

func startApache(t *testing.T, at places) *process {
	dir, ca := readable(t, at.ca)
	secret := write(t, dir, "client.conf", "OIDCOAuthClientID "+at.client.ID+"\nOIDCOAuthClientSecret "+at.client.Secret+"\n")
	text := deployed(t, "apache/rescind.conf", "<VirtualHost *:80>", "<VirtualHost "+at.front+">",
		"127.0.0.1:8080", at.rescind, "127.0.0.1:9000", at.app,
		"/etc/rescind/apache-client.conf", secret, "/etc/rescind/ca.pem", ca)
	if at.forwardsToken {
		text = withoutStripping(t, text)
	}
	var main strings.Builder
	server := program(t, "apache2", "httpd")
	for _, name := range []string{"mpm_event", "unixd", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc"} {
		fmt.Fprintf(&main, "<IfModule !%s_module>\nLoadModule %[1]s_module %s\n</IfModule>\n", name, apacheModule(t, name))
	}
	fmt.Fprintf(&main, "ServerRoot %[1]s\nPidFile %[1]s/pid\nDefaultRuntimeDir %[1]s\nErrorLog /dev/stderr\nLogLevel warn\n"+
		"ServerName app.example\nListen %[2]s\nMutex file:%[1]s\n", dir, at.front)
	if os.Getuid() == 0 {
		main.WriteString("User nobody\nGroup #65534\n")
	}
	main.WriteString(text)
	return start(t, dir, at.front, nil, server, "-DFOREGROUND", "-f", write(t, dir, "httpd.conf", main.String()))
}

// readable is a directory with a copy of a file that the user may read whom a
// server becomes, if it is started as root. Those of t.TempDir are for us alone.
func readable(t *testing.T, file string) (dir, copied string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "interop")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	copied = write(t, dir, filepath.Base(file), string(text))
	require.NoError(t, os.Chmod(copied, 0o644))
	return dir, copied
}

// apacheModule is where the machine's packages put one. Those that are built
// in have no file, and need none.
func apacheModule(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"} {
		path := filepath.Join(dir, "mod_"+name+".so")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	require.NotEqual(t, "auth_openidc", name, "missing: mod_auth_openidc")
	return "mod_" + name + ".so"
}

func port(addr string) string { return regexp.MustCompile(`\d+$`).FindString(addr) }
