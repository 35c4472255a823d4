package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxDocument     = maxJWKSBytes // bytes of any answer
	maxHeaderBytes  = 64 << 10
	maxRedirects    = 3
	maxFetchIdle    = time.Minute
	maxCacheControl = 1 << 10 // bytes that are read of the header
)

// source is where an issuer's keys are.
type source struct {
	issuer   string   // for discovery: iss
	metadata []string // URLs to be tried in turn
	jwks     string   // without discovery
}

// fetched is one answer of an issuer.
type fetched struct {
	keys      Keys
	maxAge    time.Duration
	hasMaxAge bool
}

// fetch asks for the keys. The document is read anew each time, since an issuer
// may move its keys.
func (s source) fetch(ctx context.Context, r *Remote) (fetched, error) {
	place := s.jwks
	if place == "" {
		var err error
		if place, err = s.discover(ctx, r); err != nil {
			return fetched{}, fmt.Errorf("verifier: discovery: %w", err)
		}
	}
	body, header, err := get(ctx, r.client, place)
	if err != nil {
		return fetched{}, fmt.Errorf("verifier: key set: %w", err)
	}
	keys, err := parseRemoteJWKS(body, r.opts.RSAAlgorithm)
	if err != nil {
		return fetched{}, err
	}
	age, ok := maxAge(header)
	return fetched{keys, age, ok}, nil
}

// parseRemoteJWKS is ParseJWKS for a set that everybody can read.
func parseRemoteJWKS(data []byte, rsaAlg Algorithm) (Keys, error) {
	members, _, err := readJWKS(data)
	if err != nil {
		return nil, fmt.Errorf("verifier: JWKS: %w", err)
	}
	for _, m := range members {
		if m.Kty == "oct" || m.K != "" || m.D != nil {
			return nil, errors.New("verifier: JWKS: it publishes a key that signs")
		}
	}
	return ParseJWKS(data, rsaAlg)
}

// discover returns the jwks_uri of the first document that is there.
func (s source) discover(ctx context.Context, r *Remote) (string, error) {
	var err error
	for _, place := range s.metadata {
		var body []byte
		body, _, err = get(ctx, r.client, place)
		if errors.Is(err, errNoDocument) {
			continue
		}
		if err != nil {
			return "", err
		}
		return parseMetadata(body, s.issuer, r.opts.InsecureHTTP)
	}
	return "", err
}

// errNoDocument: there is nothing at that URL.
var errNoDocument = errors.New("404")

// newClient follows redirects on one host only: who may answer is configured.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: defaultPatience}).DialContext,
			TLSHandshakeTimeout:    defaultPatience,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConns:           2,
			IdleConnTimeout:        maxFetchIdle,
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case len(via) > maxRedirects:
			return errors.New("too many redirects")
		case next.URL.Scheme != first.Scheme || next.URL.Host != first.Host:
			return errors.New("a redirect to another host")
		}
		return nil
	}}
}

// get reads a document of at most 256 KiB.
func get(ctx context.Context, client *http.Client, place string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, nil, errors.New("not a URL")
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	r.Header.Set("User-Agent", "rescind")
	answer, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil, fmt.Errorf("%s: %w", place, errNoDocument)
	default:
		return nil, nil, fmt.Errorf("%s: status %d", place, answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", place, err)
	case len(body) > maxDocument:
		return nil, nil, fmt.Errorf("%s: more than %d bytes", place, maxDocument)
	}
	return body, answer.Header, nil
}

// maxAge is how long an answer wants to be kept (RFC 9111 section 5.2.2): what
// does not want to be kept at all has an age of 0.
func maxAge(header http.Header) (age time.Duration, ok bool) {
	control := strings.ToLower(strings.Join(header.Values("Cache-Control"), ","))
	if len(control) > maxCacheControl {
		return 0, false
	}
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0, true
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0, true // unreadable is stale (RFC 9111 section 4.2.1)
			}
			age, ok = time.Duration(seconds)*time.Second, true
		}
	}
	passed, err := strconv.ParseUint(header.Get("Age"), 10, 31) // in caches on the way
	if err != nil {
		return age, ok
	}
	return max(age-time.Duration(passed)*time.Second, 0), ok
}

// fetchable refuses a URL that must not be asked: without https, but for a
// loopback host, or with a user or a fragment.
func fetchable(place string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(place)
	switch {
	case err != nil:
		return nil, errors.New("not a URL") // its error would echo it
	case u.User != nil || strings.Contains(place, "#"):
		return nil, errors.New("a URL with a user or a fragment")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("want an absolute URL")
	case u.Scheme == "https", u.Scheme == "http" && (insecure || loopback(u.Hostname())):
		return u, nil
	}
	return nil, errors.New("want https")
}
