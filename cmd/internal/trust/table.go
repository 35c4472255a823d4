// Package trust reads which other issuers a program trusts: the [[issuers]]
// tables of its file of settings. docs/issuers.md describes them.
package trust

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/rescindhq/rescind/cmd/internal/duration"
	"github.com/rescindhq/rescind/verifier"
)

// Key is the key of the tables in the file.
const Key = "issuers"

// maxTables bounds how many issuers one program trusts.
const maxTables = 64

// maxKeyFile is the most bytes that a file of public keys may have.
const maxKeyFile = 1 << 20

// Table is one [[issuers]] table: a verifier.Issuer, and where its keys are.
type Table struct {
	Name string `toml:"name"`
	// The keys: a URL, or a file of public keys (PEM, JWK or JWK set). Without
	// either, what the metadata at Name say.
	JWKS string `toml:"jwks"`
	Keys string `toml:"keys"`

	Audiences    []string             `toml:"audiences"`
	Types        []string             `toml:"types"`
	Algorithms   []verifier.Algorithm `toml:"algorithms"`
	RSAAlg       verifier.Algorithm   `toml:"rsa_alg"`
	ScopeClaim   string               `toml:"scope_claim"`
	SessionClaim string               `toml:"session_claim"`
	MaxLifetime  span                 `toml:"max_lifetime"`
	SessionLife  span                 `toml:"session_life"`

	InsecureFingerprint bool `toml:"insecure_fingerprint"`
	InsecureHTTP        bool `toml:"insecure_http"`
}

// span is a duration in TOML: a string such as "90d".
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) error {
	return duration.Value{To: (*time.Duration)(s), Positive: true}.Set(string(text))
}

// Parse reads the tables of a TOML file, whose other keys it leaves alone. A
// key that no table has is refused: misspelt, a restriction would be none.
func Parse(data []byte) ([]Table, error) {
	var file struct {
		Issuers []Table `toml:"issuers"`
	}
	meta, err := toml.Decode(string(data), &file)
	if err != nil {
		return nil, err
	}
	for _, key := range meta.Undecoded() {
		if strings.EqualFold(key[0], Key) { // as the decoder finds it
			return nil, fmt.Errorf("unknown key %q", key.String())
		}
	}
	if len(file.Issuers) > maxTables {
		return nil, fmt.Errorf("%d issuers: want at most %d", len(file.Issuers), maxTables)
	}
	for i, t := range file.Issuers {
		if t.Name == "" {
			return nil, fmt.Errorf("issuer %d: no name", i+1)
		}
	}
	return file.Issuers, nil
}

// Issuer is how a verifier trusts the issuer. Its keys are a *verifier.Remote
// unless they are in a file; nothing is fetched yet.
func (t Table) Issuer() (verifier.Issuer, error) {
	keys, err := t.keySet()
	if err != nil {
		return verifier.Issuer{}, err
	}
	return verifier.Issuer{
		Name:                  t.Name,
		Keys:                  keys,
		Audiences:             t.Audiences,
		Types:                 t.Types,
		Algorithms:            t.Algorithms,
		ScopeClaim:            t.ScopeClaim,
		SessionClaim:          t.SessionClaim,
		MaxLifetime:           time.Duration(t.MaxLifetime),
		SessionLife:           time.Duration(t.SessionLife),
		InsecureIDFingerprint: t.InsecureFingerprint,
	}, nil
}

func (t Table) keySet() (verifier.KeySet, error) {
	opts := verifier.RemoteOptions{RSAAlgorithm: t.RSAAlg, InsecureHTTP: t.InsecureHTTP}
	switch {
	case t.JWKS != "" && t.Keys != "":
		return nil, errors.New("jwks and keys are both set: keep one of them")
	case t.Keys != "":
		return KeyFile(t.Keys, t.RSAAlg)
	case t.JWKS != "":
		return verifier.NewRemoteJWKS(t.JWKS, opts)
	}
	return verifier.NewRemote(t.Name, opts)
}

// KeyFile reads a file of public keys: PEM, one JWK or a JWK set.
func KeyFile(path string, rsaAlg verifier.Algorithm) (verifier.Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxKeyFile:
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxKeyFile)
	}
	parse := verifier.ParseJWKS
	if strings.Contains(string(data), "-----BEGIN ") {
		parse = verifier.ParsePEM
	}
	keys, err := parse(data, rsaAlg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// Issuers are how a verifier trusts all of the tables' issuers.
func Issuers(tables []Table) ([]verifier.Issuer, error) {
	all := make([]verifier.Issuer, 0, len(tables))
	for i, t := range tables {
		issuer, err := t.Issuer()
		if err != nil {
			return nil, fmt.Errorf("issuer %d: %w", i+1, err) // a name that is refused may hold a password
		}
		all = append(all, issuer)
	}
	return all, nil
}
