package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxClientsFile is the most bytes that a clients file may have: some 30,000
// clients.
const maxClientsFile = 16 << 20

// maxClientKeys is how many keys of a client are good at once: the one in use,
// and the one that is being rolled out.
const maxClientKeys = 2

// clientsFile is a clients file: one JSON object.
type clientsFile struct {
	Clients []clientRecord `json:"clients"`
}

// clientRecord is one client in the file. One without keys is public.
type clientRecord struct {
	Name       string       `json:"name"`
	ID         string       `json:"client_id"`
	Public     bool         `json:"public,omitzero"`
	Scope      []string     `json:"scope,omitempty"`
	Keys       []secretHash `json:"keys,omitempty"` // the newest last
	CreatedAt  time.Time    `json:"created_at,omitzero"`
	LastUsedAt time.Time    `json:"last_used_at,omitzero"`
}

// secretHash is one key in the file.
type secretHash struct {
	Sum       string    `json:"sha256"` // base64url without padding
	CreatedAt time.Time `json:"created_at,omitzero"`

	sum keySum // Sum, parsed
}

func newSecretHash(key string, now time.Time) secretHash {
	sum := sumOf(key)
	return secretHash{Sum: base64.RawURLEncoding.EncodeToString(sum[:]), CreatedAt: now, sum: sum}
}

func (r clientRecord) client() Client {
	c := Client{
		Name: r.Name, ID: r.ID, Public: r.Public, Scope: slices.Clone(r.Scope),
		Keys: len(r.Keys), CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt,
	}
	if len(r.Keys) > 0 {
		c.RotatedAt = r.Keys[len(r.Keys)-1].CreatedAt
	}
	return c
}

func indexClient(clients []clientRecord, name string) int {
	return slices.IndexFunc(clients, func(r clientRecord) bool { return r.Name == name })
}

// clientTable is the content of a clients file, ready to be asked.
type clientTable struct {
	records []clientRecord
	byID    map[string]clientRecord
}

func newClientTable(records []clientRecord) *clientTable {
	t := &clientTable{records: records, byID: make(map[string]clientRecord, len(records))}
	for _, r := range records {
		t.byID[r.ID] = r
	}
	return t
}

// parseClients reads a clients file strictly. Its errors name the client's
// place in the file, and no content.
func parseClients(data []byte) (*clientTable, error) {
	var file clientsFile
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: not strict JSON of the known members%s", ErrClientsFile, whereInJSON(err))
	}
	names, ids, sums := map[string]bool{}, map[string]bool{}, map[keySum]bool{}
	for i := range file.Clients {
		r := &file.Clients[i]
		if err := r.parse(); err != nil {
			return nil, fmt.Errorf("%w: client %d: %w", ErrClientsFile, i+1, err)
		}
		if names[r.Name] || ids[r.ID] {
			return nil, fmt.Errorf("%w: client %d: its name or id is another's too", ErrClientsFile, i+1)
		}
		names[r.Name], ids[r.ID] = true, true
		for _, k := range r.Keys {
			if sums[k.sum] {
				return nil, fmt.Errorf("%w: client %d: one of its keys is there twice", ErrClientsFile, i+1)
			}
			sums[k.sum] = true
		}
	}
	return newClientTable(file.Clients), nil
}

func (r *clientRecord) parse() error {
	if err := errors.Join(checkClientName(r.Name), checkClientID(r.ID), checkClientScope(r.Scope)); err != nil {
		return err
	}
	switch {
	case r.Public && len(r.Keys) > 0:
		return errors.New("it is public and has keys")
	case !r.Public && (len(r.Keys) == 0 || len(r.Keys) > maxClientKeys):
		return fmt.Errorf("it has %d keys: want 1 to %d", len(r.Keys), maxClientKeys)
	}
	for i := range r.Keys {
		k := &r.Keys[i]
		sum, err := base64.RawURLEncoding.Strict().DecodeString(k.Sum)
		// Base64 of Go's passes over line ends, strict or not.
		if err != nil || len(sum) != len(k.sum) || strings.ContainsAny(k.Sum, "\r\n") {
			return errors.New("one of its keys is not a SHA-256 in base64url")
		}
		k.sum = keySum(sum)
	}
	return nil
}

// checkClientName applies the rule of user names.
func checkClientName(name string) error {
	if checkName(name) != nil {
		return ErrClientName
	}
	return nil
}

// checkClientID leaves out what a form, HTTP Basic (the colon) or a key (the
// underscore) would have to escape.
func checkClientID(id string) error {
	foreign := func(r rune) bool { return !strings.ContainsRune(base62+"-.", r) }
	if id == "" || len(id) > maxClientID || strings.ContainsFunc(id, foreign) {
		return fmt.Errorf("its client_id: want 1 to %d letters, digits, dots and hyphens", maxClientID)
	}
	return nil
}

func checkClientScope(scope []string) error {
	if checkScope(scope) != nil {
		return ErrClientScope
	}
	return nil
}
