package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// running is a site that listens.
type running struct {
	*site
	addr, adminAddr string
	stop            context.CancelFunc
	ended           chan error
}

// run serves a site until the test ends.
func run(t *testing.T, opts siteOptions) *running {
	t.Helper()
	opts.server.Addr, opts.server.AdminAddr = "127.0.0.1:0", "127.0.0.1:0"
	r := &running{site: newSite(t, opts), ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	addrs := make(chan [2]string, 1)
	go func() {
		r.ended <- r.Run(ctx, func(addr, adminAddr string) { addrs <- [2]string{addr, adminAddr} })
	}()
	select {
	case got := <-addrs:
		r.addr, r.adminAddr = got[0], got[1]
	case err := <-r.ended:
		require.NoError(t, err)
	}
	t.Cleanup(stop)
	return r
}

// wait waits for the end of Run.
func (r *running) wait() {
	r.t.Helper()
	select {
	case err := <-r.ended:
		assert.NoError(r.t, err)
	case <-time.After(time.Minute):
		require.Fail(r.t, "Run does not return")
	}
}

func TestRun_BothListeners(t *testing.T) {
	r := run(t, siteOptions{})
	for url, want := range map[string]int{
		"http://" + r.addr + "/healthz":       http.StatusOK,
		"http://" + r.addr + "/readyz":        http.StatusOK,
		"http://" + r.addr + "/metrics":       http.StatusNotFound,
		"http://" + r.adminAddr + "/metrics":  http.StatusOK,
		"http://" + r.adminAddr + "/healthz":  http.StatusNotFound,
		"http://" + r.adminAddr + "/v1/stats": http.StatusUnauthorized,
	} {
		res, err := http.Get(url)
		require.NoError(t, err, url)
		res.Body.Close()
		assert.Equal(t, want, res.StatusCode, url)
	}
	r.stop()
	r.wait()
}

// What was accepted is finished; who asks meanwhile hears that this server is
// on its way out.
func TestRun_DrainsBeforeItEnds(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	r := run(t, siteOptions{})
	r.people.during = func() { close(asked); <-answer }
	status := make(chan int, 1)
	go func() {
		res, err := http.Post("http://"+r.addr+"/v1/login", "application/json",
			strings.NewReader(`{"username":"alice","password":"`+testPassword+`"}`))
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	<-asked
	r.stop()
	require.Eventually(t, func() bool {
		return r.ask("GET", "/readyz", "", "").StatusCode == http.StatusServiceUnavailable
	}, time.Minute, time.Millisecond)
	assert.Contains(t, string(r.ask("GET", "/readyz", "", "").body), "shutting down")
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond, "nobody new is let in")
	select {
	case err := <-r.ended:
		require.Fail(t, "Run returned before the request was answered", "%v", err)
	default:
	}
	close(answer)
	assert.Equal(t, http.StatusCreated, <-status)
	r.wait()
}

// While one listener waits for its requests, the other lets nobody in whom it
// would have to cut off.
func TestRun_ClosesBothListenersAtOnce(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	r := run(t, siteOptions{})
	r.people.during = func() { close(asked); <-answer }
	go http.Post("http://"+r.addr+"/v1/login", "application/json", strings.NewReader(`{"username":"alice","password":"x"}`))
	<-asked
	r.stop()
	assert.Eventually(t, func() bool {
		c, err := net.Dial("tcp", r.adminAddr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond)
	close(answer)
	r.wait()
}

// OPTIONS * names no route; net/http would answer it past every rule of ours.
func TestRun_OptionsAsterisk(t *testing.T) {
	r := run(t, siteOptions{})
	for _, addr := range []string{r.addr, r.adminAddr} {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.NotEmpty(t, res.Header.Get("X-Request-Id"))
		reply{res, t, body}.refused(http.StatusNotFound, "not_found")
	}
	assert.Equal(t, 2, strings.Count(r.logs.String(), `"method":"OPTIONS"`))
}

func TestRun_CutsOffWhatTakesTooLong(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	r := run(t, siteOptions{server: Options{ShutdownTime: 10 * time.Millisecond}})
	r.people.during = func() { close(asked); <-answer }
	defer close(answer)
	go http.Post("http://"+r.addr+"/v1/login", "application/json", strings.NewReader(`{"username":"alice","password":"x"}`))
	<-asked
	r.stop()
	r.wait()
	assert.Contains(t, r.logs.String(), "cut off")
}

func TestRun_AddressInUse(t *testing.T) {
	r := run(t, siteOptions{})
	opts := r.opts
	opts.Addr, opts.AdminAddr = "127.0.0.1:0", r.adminAddr
	second, err := New(r.sessions, r.callers, r.list, opts)
	require.NoError(t, err)
	assert.Error(t, second.Run(t.Context(), nil))
}

// Headers over the bound are refused by net/http, before anything is read of
// them.
func TestBadInput_HugeHeader(t *testing.T) {
	r := run(t, siteOptions{})
	before := r.list.calls.Load()
	c, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer c.Close()
	go io.WriteString(c, "GET /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+strings.Repeat(".", 1<<20)+"\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
	assert.Equal(t, before, r.list.calls.Load())
}

// A lasting error is logged once, and its end too.
func TestRun_Tasks(t *testing.T) {
	var runs atomic.Int64
	bad := errors.New("the store is unfit")
	r := run(t, siteOptions{server: Options{Tasks: []Task{{Name: "inspection", Every: time.Millisecond, Do: func(context.Context) error {
		if n := runs.Add(1); n < 5 {
			return bad
		}
		return nil
	}}}}})
	require.Eventually(t, func() bool { return runs.Load() > 10 }, time.Minute, time.Millisecond)
	r.stop()
	r.wait()
	assert.Equal(t, 1, strings.Count(r.logs.String(), bad.Error()))
	assert.Equal(t, 1, strings.Count(r.logs.String(), "inspection: well again"))
	ended := runs.Load()
	assert.Never(t, func() bool { return runs.Load() != ended }, 20*time.Millisecond, time.Millisecond)
}

// A file of users that goes bad is logged once, however many log in.
func TestLogin_LogsABadFileOnce(t *testing.T) {
	users := testUsers(t)
	_, err := users.Add("alice", testPassword, nil)
	require.NoError(t, err)
	s := newSite(t, siteOptions{server: Options{Login: users}})
	s.login()
	good, err := os.ReadFile(users.path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(users.path, []byte("{"), 0o600))
	s.login()
	s.login()
	assert.Equal(t, 1, strings.Count(s.logs.String(), "users: the last good state stays in force"))
	require.NoError(t, os.WriteFile(users.path, good, 0o600))
	s.login()
	assert.Equal(t, 1, strings.Count(s.logs.String(), "users: well again"))
}

// writeCertificate writes a self-signed certificate for 127.0.0.1 and its key.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, replaceFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	require.NoError(t, replaceFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certFile, keyFile
}

func TestRun_TLSReadsTheCertificateAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	r := run(t, siteOptions{server: Options{TLSCert: certFile, TLSKey: keyFile}})
	serial := func(addr string) int64 {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	assert.Equal(t, int64(1), serial(r.addr))
	assert.Equal(t, int64(1), serial(r.adminAddr), "the admin token is not sent in the clear either")

	require.NoError(t, os.WriteFile(certFile, []byte("not a certificate"), 0o600))
	assert.Equal(t, int64(1), serial(r.addr), "the old one is in force")
	assert.Equal(t, int64(1), serial(r.addr))
	assert.Equal(t, 1, strings.Count(r.logs.String(), "TLS certificate: the last good state"))
	writeCertificate(t, dir, 2)
	assert.Equal(t, int64(2), serial(r.addr))
	assert.Contains(t, r.logs.String(), "TLS certificate: well again")

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	res, err := client.Get("https://" + r.addr + "/healthz")
	require.NoError(t, err)
	defer res.Body.Close()
	var body map[string]string
	require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
	assert.Equal(t, map[string]string{"status": "ok"}, body)
	assert.Equal(t, 2, res.ProtoMajor)
	r.stop()
	r.wait()
}

func TestRun_BadCertificate(t *testing.T) {
	s := newSite(t, siteOptions{server: Options{TLSCert: "/nowhere/cert.pem", TLSKey: "/nowhere/key.pem"}})
	assert.ErrorIs(t, s.Run(t.Context(), nil), os.ErrNotExist)
}
