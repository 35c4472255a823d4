package interop

import (
	"crypto/tls"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNativeTLS: nginx verifies rescind's certificate, and rescind takes up
// another one without a restart.
func TestNativeTLS(t *testing.T) {
	t.Parallel()
	trusted, stranger := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	install := func(a *authority) {
		newCert, newKey := a.Issue("next")
		// The key first: until both are there, rescind keeps what it has.
		require.NoError(t, os.Rename(newKey, key))
		require.NoError(t, os.Rename(newCert, cert))
	}
	install(trusted)

	g := &gateway{t: t, house: newHouse(t, houseOptions{TLSCert: cert, TLSKey: key, Authority: trusted}),
		app: newApplication(t), addr: freeAddr(t)}
	nginx := startNginx(t, places{front: g.addr, rescind: g.house.Addr, app: g.app.addr, ca: trusted.File})
	token := g.house.Login(g.house.Alice).AccessToken
	got := g.ask("GET", "/", token, nil, "")
	require.Equal(t, http.StatusOK, got.Status, got.Body)
	assert.Equal(t, g.house.Alice.Subject, got.Saw.Header.Get("X-Auth-Subject"))
	g.refused(g.ask("GET", "/", "", nil, ""), http.StatusUnauthorized, "no token")
	first := g.house.serial()

	// nginx keeps its connections, and what it knows of the peer, until it is
	// reloaded.
	reload := func() { require.NoError(t, nginx.cmd.Process.Signal(syscall.SIGHUP)) }
	install(stranger)
	require.NotEqual(t, first, g.house.serial(), "the certificate is read again")
	reload()
	// Many in a row: for a moment the workers of before accept as well.
	require.Eventually(t, func() bool {
		for range 20 {
			if g.ask("GET", "/", token, nil, "").Status != http.StatusServiceUnavailable {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "who is not verified decides nothing")
	g.refused(g.ask("GET", "/", token, nil, ""), http.StatusServiceUnavailable, "a stranger's certificate")

	install(trusted)
	require.Eventually(t, func() bool { return g.ask("GET", "/", token, nil, "").Status == http.StatusOK },
		patience, 50*time.Millisecond, "and again, with nothing restarted")
	require.NotEqual(t, first, g.house.serial())
}

// serial is of the certificate that rescind shows now.
func (h *house) serial() string {
	h.t.Helper()
	conn, err := tls.Dial("tcp", h.Addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(h.t, err)
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}
