package server

import (
	"crypto/tls"
	"fmt"
	"sync"
)

// certificate is a TLS certificate and its key in two files, read again when
// one of them changes. A bad pair leaves the old in force: files are seldom
// replaced both at once.
type certificate struct {
	certFile, keyFile string
	report            func(error) // called with what reading them came to

	mu        sync.Mutex
	cert, key fileStamp // of the files that were read last, good or bad
	current   *tls.Certificate
}

func openCertificate(certFile, keyFile string, report func(error)) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, report: report}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// get is a tls.Config's GetCertificate. It costs two stats a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, certErr := stampOf(c.certFile)
	key, keyErr := stampOf(c.keyFile)
	if certErr != nil || keyErr != nil || !cert.same(c.cert) || !key.same(c.key) {
		c.report(c.read())
	}
	return c.current, nil
}

// read reads the files. Their stamps are taken before: a file that changes
// while it is read is read once more.
func (c *certificate) read() error {
	c.cert, _ = stampOf(c.certFile)
	c.key, _ = stampOf(c.keyFile)
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("server: TLS certificate: %w", err)
	}
	c.current = &pair
	return nil
}

// tlsConfig is nil where no certificate is configured.
func (s *Server) tlsConfig() (*tls.Config, error) {
	if s.opts.TLSCert == "" {
		return nil, nil
	}
	var state changes
	c, err := openCertificate(s.opts.TLSCert, s.opts.TLSKey, func(err error) {
		s.logChange(&state, "TLS certificate", err)
	})
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}
