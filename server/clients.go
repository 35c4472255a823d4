package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Errors of clients.
var (
	// ErrClient: there is no such client, or its secret is wrong; nobody learns
	// which.
	ErrClient = errors.New("server: client authentication failed")
	// ErrClientExists: there is a client of that name already.
	ErrClientExists = errors.New("server: client exists")
	// ErrNoClient: there is no client of that name.
	ErrNoClient = errors.New("server: no such client")
	// ErrClientName: not a name for a client.
	ErrClientName = errors.New("server: want a client name of 1 to 128 printable characters, with no space at its ends")
	// ErrClientScope: not a scope for a client.
	ErrClientScope = errors.New("server: want scopes as RFC 6749 spells them, 1024 bytes in all")
	// ErrPublicClient: a public client has no keys to rotate.
	ErrPublicClient = errors.New("server: a public client has no key")
	// ErrClientsFile: the clients file cannot be read, or is not one.
	ErrClientsFile = errors.New("server: clients file")
)

// Client is an application that OAuth knows.
type Client struct {
	Name       string // for people; a new client may have a removed one's
	ID         string // client_id: a UUID, made once and never reused
	Public     bool   // it cannot keep a secret and has none
	Scope      []string
	Keys       int // that are good now
	CreatedAt  time.Time
	RotatedAt  time.Time // when its newest key was made
	LastUsedAt time.Time // to the hour, and up to five minutes late; zero: never

	// KeyMadeAt is when the key was made that AuthenticateClient was given: what
	// was revoked of the client until then is not about this key. Zero: nobody
	// knows, so that everything is.
	KeyMadeAt time.Time
}

// usedEvery is how exact the time of a client's last use is: so often the file
// is written for it.
const usedEvery = time.Hour

// Clients is a file of clients and the SHA-256 of their keys: a
// [ClientAuthenticator]. The file is read again when it changes, so that what
// is removed from it is refused at once; a bad one leaves the old in force, and
// Health says so. It is safe for concurrent use, by several processes too.
type Clients struct {
	tableFile[clientTable]

	mu   sync.Mutex
	used map[string]time.Time // by client id: what the file does not know yet
}

// OpenClients opens a clients file. One that does not exist is empty.
func OpenClients(path string) (*Clients, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: no path", ErrClientsFile)
	}
	c := NewClients()
	c.path = path
	c.current()
	if err := c.Health(); err != nil {
		return nil, err
	}
	return c, nil
}

// NewClients returns clients that are kept in memory only.
func NewClients() *Clients {
	return &Clients{
		tableFile: tableFile[clientTable]{is: ErrClientsFile, limit: maxClientsFile, parse: parseClients, table: newClientTable(nil)},
		used:      map[string]time.Time{},
	}
}

// AuthenticateClient implements [ClientAuthenticator]: the secret is a key of
// the client's, and of a public client there is none. Whether the client exists
// does not show in the time that this takes.
func (c *Clients) AuthenticateClient(_ context.Context, id, secret string) (Client, error) {
	if owner, ok := KeyClient(secret); secret != "" && (!ok || owner != id) {
		return Client{}, ErrClient // a typing error: no look-up
	}
	record, known := c.current().byID[id]
	place := record.find(secret)
	public := known && record.Public && secret == ""
	if !known || place < 0 && !public {
		return Client{}, ErrClient
	}
	c.noteUse(record)
	client := record.client()
	if !public {
		client.KeyMadeAt = record.Keys[place].CreatedAt
	}
	return client, nil
}

// find returns the place of a key, or -1. It compares with so many as a client
// can have, whether it has them or not. The empty key is nobody's, whatever
// hash the file has.
func (r clientRecord) find(key string) int {
	sum := sumOf(key)
	place := -1
	for i := range maxClientKeys {
		var kept keySum // of no key that anybody knows
		if i < len(r.Keys) {
			kept = r.Keys[i].sum
		}
		place = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], kept[:]), i, place)
	}
	if key == "" {
		return -1
	}
	return place
}

// update changes the records, and the file where there is one.
func (c *Clients) update(change func([]clientRecord) ([]clientRecord, error)) error {
	return c.tableFile.update(func(t *clientTable) ([]byte, error) {
		return rewritten(t.records, change, func(clients []clientRecord) any { return clientsFile{clients} })
	})
}

// Add makes a client, and unless it is public its key, which is not kept and
// cannot be shown again.
func (c *Clients) Add(name string, scope []string, public bool) (client Client, key string, err error) {
	if err := errors.Join(checkClientName(name), checkClientScope(scope)); err != nil {
		return Client{}, "", err
	}
	now := keyInstant()
	record := clientRecord{Name: name, ID: uuid.NewString(), Public: public, Scope: slices.Clone(scope), CreatedAt: now}
	if !public {
		key = newKey(record.ID)
		record.Keys = []secretHash{newSecretHash(key, now)}
	}
	err = c.update(func(clients []clientRecord) ([]clientRecord, error) {
		if indexClient(clients, name) >= 0 {
			return nil, ErrClientExists
		}
		return append(clients, record), nil
	})
	if err != nil {
		return Client{}, "", err
	}
	return record.client(), key, nil
}

// keyInstant is as exact as a cutoff: a key may be made right after one.
func keyInstant() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Rotate makes a client another key. The one before stays good beside it,
// until the next Rotate; with alone, no other key is good from now on.
func (c *Clients) Rotate(name string, alone bool) (client Client, key string, err error) {
	err = c.update(func(clients []clientRecord) ([]clientRecord, error) {
		i := indexClient(clients, name)
		switch {
		case i < 0:
			return nil, ErrNoClient
		case clients[i].Public:
			return nil, ErrPublicClient
		}
		key = newKey(clients[i].ID)
		keys := slices.Clone(clients[i].Keys)
		if alone {
			keys = nil
		}
		if len(keys) >= maxClientKeys {
			keys = keys[len(keys)-maxClientKeys+1:]
		}
		clients[i].Keys = append(keys, newSecretHash(key, keyInstant()))
		client = clients[i].client()
		return clients, nil
	})
	if err != nil {
		return Client{}, "", err
	}
	return client, key, nil
}

// Remove deletes a client: its keys are refused, and so are its refresh tokens.
// The caller revokes the subject of its own tokens, the client's id.
func (c *Clients) Remove(name string) (Client, error) {
	var removed Client
	err := c.update(func(clients []clientRecord) ([]clientRecord, error) {
		i := indexClient(clients, name)
		if i < 0 {
			return nil, ErrNoClient
		}
		removed = clients[i].client()
		return slices.Delete(clients, i, i+1), nil
	})
	return removed, err
}

// List returns the clients by name.
func (c *Clients) List() []Client {
	table := c.current()
	clients := make([]Client, 0, len(table.records))
	for _, r := range table.records {
		clients = append(clients, r.client())
	}
	slices.SortFunc(clients, func(a, b Client) int { return strings.Compare(a.Name, b.Name) })
	return clients
}

// Health returns what is wrong with the file, if anything is: it became
// unreadable, and its last good state is in force.
func (c *Clients) Health() error {
	return c.health()
}

// noteUse keeps in memory that a client was here. Most requests find that the
// file knows.
func (c *Clients) noteUse(r clientRecord) {
	now := time.Now().UTC().Truncate(usedEvery)
	if !now.After(r.LastUsedAt) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[r.ID] = now
}

// RecordUse writes to the file who was here since it was written last, if
// anybody was: a [Task], and no request waits for it.
func (c *Clients) RecordUse(context.Context) error {
	c.mu.Lock()
	used := c.used
	c.used = map[string]time.Time{}
	c.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	return c.update(func(clients []clientRecord) ([]clientRecord, error) {
		changed := false
		for i, r := range clients {
			if at := used[r.ID]; at.After(r.LastUsedAt) {
				clients[i].LastUsedAt, changed = at, true
			}
		}
		if !changed {
			return nil, errUnchanged
		}
		return clients, nil
	})
}
