package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKey_Form(t *testing.T) {
	t.Parallel()
	for range 100 {
		key := newKey("7c9e6679-7425-40de-944b-e07fc1f90ae7")
		assert.Regexp(t, `^rsk_7c9e6679-7425-40de-944b-e07fc1f90ae7_[0-9A-Za-z]{49}$`, key)
		id, ok := KeyClient(key)
		assert.True(t, ok)
		assert.Equal(t, "7c9e6679-7425-40de-944b-e07fc1f90ae7", id)
	}
	assert.NotEqual(t, newKey("a"), newKey("a"))
	// A vector, for scanners and other readers.
	id, ok := KeyClient("rsk_billing_00000000000000000000000000000000000000000004hGpUY")
	assert.True(t, ok)
	assert.Equal(t, "billing", id)
}

func TestKey_TypingErrors(t *testing.T) {
	t.Parallel()
	key := newKey("billing")
	for i := range len(key) {
		for _, c := range []byte("a0_-\n\xff") {
			wrong := []byte(key)
			if wrong[i] == c {
				continue
			}
			wrong[i] = c
			_, ok := KeyClient(string(wrong))
			assert.False(t, ok, "%q", wrong)
		}
	}
	for _, wrong := range []string{"", "rsk", "rsk_", "rsk__", key[1:], key[:len(key)-1], key + "a", " " + key, key + "\n", strings.Repeat("a", 1<<20)} {
		_, ok := KeyClient(wrong)
		assert.False(t, ok)
	}
}

func FuzzKeyClient(f *testing.F) {
	f.Add(newKey("billing"))
	f.Add("rsk_a_b")
	f.Fuzz(func(t *testing.T, key string) {
		if id, ok := KeyClient(key); ok {
			assert.True(t, strings.HasPrefix(key, "rsk_"+id+"_"))
			assert.NoError(t, checkClientID(id))
		}
	})
}

func openClients(t *testing.T) (*Clients, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clients.json")
	clients, err := OpenClients(path)
	require.NoError(t, err)
	return clients, path
}

func TestClients_FileHoldsNoKey(t *testing.T) {
	t.Parallel()
	clients, path := openClients(t)
	client, key, err := clients.Add("billing", []string{"read"}, false)
	require.NoError(t, err)
	assert.Equal(t, 1, client.Keys)
	_, second, err := clients.Rotate("billing", false)
	require.NoError(t, err)
	public, none, err := clients.Add("app", nil, true)
	require.NoError(t, err)
	assert.Empty(t, none)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, k := range []string{key, second} {
		assert.NotContains(t, string(text), k[len(k)-49:])
		got, err := clients.AuthenticateClient(t.Context(), client.ID, k)
		require.NoError(t, err)
		assert.Equal(t, client.ID, got.ID)
		assert.Equal(t, []string{"read"}, got.Scope)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NotEqual(t, client.ID, public.ID)
}

func TestClients_Authenticate(t *testing.T) {
	t.Parallel()
	clients, _ := openClients(t)
	client, key, err := clients.Add("billing", nil, false)
	require.NoError(t, err)
	other, otherKey, err := clients.Add("other", nil, false)
	require.NoError(t, err)
	public, _, err := clients.Add("app", nil, true)
	require.NoError(t, err)
	for name, row := range map[string]struct{ id, secret string }{
		"unknown":                    {"nobody", newKey("nobody")},
		"unknown, no secret":         {"nobody", ""},
		"no client":                  {"", ""},
		"no secret":                  {client.ID, ""},
		"another key":                {client.ID, newKey(client.ID)},
		"another's key":              {client.ID, otherKey},
		"by another's name":          {other.ID, key},
		"a wrong checksum":           {client.ID, mistyped(key)},
		"by its name":                {"billing", key},
		"a public client with a key": {public.ID, newKey(public.ID)},
	} {
		got, err := clients.AuthenticateClient(t.Context(), row.id, row.secret)
		assert.ErrorIs(t, err, ErrClient, name)
		assert.Zero(t, got, name)
	}
	got, err := clients.AuthenticateClient(t.Context(), public.ID, "")
	require.NoError(t, err)
	assert.True(t, got.Public)
}

// A client without keys has none that is all zeros.
func TestClients_NoKeyMatchesNone(t *testing.T) {
	t.Parallel()
	r := clientRecord{Keys: nil}
	assert.Equal(t, -1, r.find(""))
	r.Keys = []secretHash{newSecretHash("x", time.Time{})}
	assert.Equal(t, 0, r.find("x"))
	assert.Equal(t, -1, r.find("y"))
	r.Keys = append(r.Keys, newSecretHash("y", time.Time{}))
	assert.Equal(t, 1, r.find("y"))
	assert.Equal(t, 0, r.find("x"))
	r.Keys[0] = newSecretHash("", time.Time{}) // of a variable that was not set
	assert.Equal(t, -1, r.find(""))
}

// A client has the instant of the key that it came with.
func TestClients_KeyMadeAt(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	keys := []secretHash{{CreatedAt: made}, {CreatedAt: made.Add(time.Hour)}}
	id := "billing"
	texts := []string{newKey(id), newKey(id)}
	for i := range keys {
		keys[i] = newSecretHash(texts[i], keys[i].CreatedAt)
	}
	c := NewClients()
	c.table = newClientTable([]clientRecord{{Name: id, ID: id, Keys: keys}})
	for i, key := range texts {
		client, err := c.AuthenticateClient(t.Context(), id, key)
		require.NoError(t, err)
		assert.Equal(t, keys[i].CreatedAt, client.KeyMadeAt)
	}
}

func TestClients_RemovedElsewhereIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	serving, path := openClients(t)
	operator, err := OpenClients(path)
	require.NoError(t, err)
	client, key, err := operator.Add("billing", nil, false)
	require.NoError(t, err)
	_, err = serving.AuthenticateClient(t.Context(), client.ID, key)
	require.NoError(t, err)
	_, err = operator.Remove("billing")
	require.NoError(t, err)
	_, err = serving.AuthenticateClient(t.Context(), client.ID, key)
	assert.ErrorIs(t, err, ErrClient)

	again, _, err := operator.Add("billing", nil, false)
	require.NoError(t, err)
	assert.NotEqual(t, client.ID, again.ID, "an id is never used again")
	_, _, err = operator.Add("billing", nil, true)
	assert.ErrorIs(t, err, ErrClientExists)
	_, err = operator.Remove("nobody")
	assert.ErrorIs(t, err, ErrNoClient)
	_, _, err = operator.Rotate("nobody", false)
	assert.ErrorIs(t, err, ErrNoClient)
	_, _, err = operator.Add("app", nil, true)
	require.NoError(t, err)
	_, _, err = operator.Rotate("app", false)
	assert.ErrorIs(t, err, ErrPublicClient)
}

// The time of the last use is written by a task, to the hour, and no more often.
func TestClients_LastUsed(t *testing.T) {
	t.Parallel()
	clients, path := openClients(t)
	client, key, err := clients.Add("billing", nil, false)
	require.NoError(t, err)
	_, _, err = clients.Add("idle", nil, false)
	require.NoError(t, err)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, clients.RecordUse(t.Context()))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := clients.AuthenticateClient(t.Context(), client.ID, key)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after, "no request writes")

	require.NoError(t, clients.RecordUse(t.Context()))
	list := clients.List()
	require.Len(t, list, 2)
	assert.WithinDuration(t, time.Now(), list[0].LastUsedAt, time.Hour+time.Minute)
	assert.Zero(t, list[1].LastUsedAt)
	stamp, err := os.Stat(path)
	require.NoError(t, err)
	_, err = clients.AuthenticateClient(t.Context(), client.ID, key)
	require.NoError(t, err)
	require.NoError(t, clients.RecordUse(t.Context()))
	now, err := os.Stat(path)
	require.NoError(t, err)
	if list[0].LastUsedAt.Equal(time.Now().UTC().Truncate(usedEvery)) { // and not on the stroke of an hour
		assert.True(t, os.SameFile(stamp, now), "written again")
	}
}

func TestClients_BadFile(t *testing.T) {
	t.Parallel()
	const id, sum = `"client_id":"a"`, `"keys":[{"sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}]`
	for name, text := range map[string]string{
		"not JSON":             "name: a",
		"unknown member":       `{"clients":[{"name":"a",` + id + `,` + sum + `,"admin":true}]}`,
		"a member twice":       `{"clients":[],"clients":[]}`,
		"no name":              `{"clients":[{` + id + `,` + sum + `}]}`,
		"no id":                `{"clients":[{"name":"a",` + sum + `}]}`,
		"an underscore":        `{"clients":[{"name":"a","client_id":"a_b",` + sum + `}]}`,
		"a colon":              `{"clients":[{"name":"a","client_id":"a:b",` + sum + `}]}`,
		"no keys":              `{"clients":[{"name":"a",` + id + `}]}`,
		"public with keys":     `{"clients":[{"name":"a",` + id + `,` + sum + `,"public":true}]}`,
		"a short sum":          `{"clients":[{"name":"a",` + id + `,"keys":[{"sha256":"47DE"}]}]}`,
		"an empty sum":         `{"clients":[{"name":"a",` + id + `,"keys":[{"sha256":""}]}]}`,
		"a sum with a newline": `{"clients":[{"name":"a",` + id + `,"keys":[{"sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\n"}]}]}`,
		"a key twice":          `{"clients":[{"name":"a",` + id + `,` + sum + `},{"name":"b","client_id":"b",` + sum + `}]}`,
		"a name twice":         `{"clients":[{"name":"a",` + id + `,"public":true},{"name":"a","client_id":"b","public":true}]}`,
		"an id twice":          `{"clients":[{"name":"a",` + id + `,"public":true},{"name":"b",` + id + `,"public":true}]}`,
		"a bad scope":          `{"clients":[{"name":"a",` + id + `,"public":true,"scope":["a b"]}]}`,
		"over the limit":       `{"clients":[]}` + strings.Repeat(" ", maxClientsFile),
	} {
		path := filepath.Join(t.TempDir(), "clients.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := OpenClients(path)
		require.ErrorIs(t, err, ErrClientsFile, name)
		assert.NotContains(t, err.Error(), "47DE", "no content")
	}
	_, err := OpenClients("")
	assert.ErrorIs(t, err, ErrClientsFile)
	path := filepath.Join(t.TempDir(), "open.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"clients":[]}`), 0o600))
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = OpenClients(path)
	assert.ErrorIs(t, err, ErrClientsFile)
}

// A file that goes bad leaves what was good in force, and says so.
func TestClients_FileGoesBad(t *testing.T) {
	t.Parallel()
	clients, path := openClients(t)
	client, key, err := clients.Add("billing", nil, false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = clients.AuthenticateClient(t.Context(), client.ID, key)
	assert.NoError(t, err)
	assert.ErrorIs(t, clients.Health(), ErrClientsFile)
	_, _, err = clients.Add("other", nil, false)
	assert.ErrorIs(t, err, ErrClientsFile, "a bad file is not written over")
}

func FuzzClientsFile(f *testing.F) {
	f.Add([]byte(`{"clients":[{"name":"a","client_id":"a","keys":[{"sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}]}]}`))
	f.Add([]byte(`{"clients":[{"name":"a","client_id":"a","public":true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseClients(data)
		if err != nil {
			assert.ErrorIs(t, err, ErrClientsFile)
			return
		}
		again, err := json.Marshal(clientsFile{Clients: table.records})
		require.NoError(t, err)
		_, err = parseClients(again)
		assert.NoError(t, err)
	})
}
