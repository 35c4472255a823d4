package verifier

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// metadataURLs are where an issuer's document may be: OpenID Connect's place,
// below the issuer's path (Discovery 1.0 section 4.1), then OAuth's, above it
// (RFC 8414 section 3.1).
func metadataURLs(issuer string, insecure bool) ([]string, error) {
	u, err := fetchable(issuer, insecure)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return nil, errors.New("an issuer has no query (RFC 8414 section 2)")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	host := u.Scheme + "://" + u.Host
	return []string{
		host + path + "/.well-known/openid-configuration",
		host + "/.well-known/oauth-authorization-server" + path,
	}, nil
}

// parseMetadata reads the jwks_uri of an issuer's document. Its issuer must be
// the one that was asked for, byte for byte (RFC 8414 section 3.3): another's
// document would name another's keys.
func parseMetadata(data []byte, issuer string, insecure bool) (string, error) {
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if len(data) > maxDocument {
		return "", fmt.Errorf("a document of %d bytes: want at most %d", len(data), maxDocument)
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return "", malformedJSON(err)
	}
	if document.Issuer != issuer {
		return "", fmt.Errorf("the document is about issuer %.100q: want %.100q, byte for byte", document.Issuer, issuer)
	}
	keys, err := fetchable(document.JWKSURI, insecure)
	if err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	// A document from elsewhere must not have this host ask itself.
	from, err := url.Parse(issuer)
	if err != nil {
		return "", errors.New("not a URL")
	}
	if loopback(keys.Hostname()) && !loopback(from.Hostname()) || keys.Scheme == "http" && from.Scheme != "http" {
		return "", errors.New("jwks_uri: on a loopback host or without https, though the issuer is not")
	}
	return document.JWKSURI, nil
}

// loopback reports whether a host is this machine itself.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
