package docs_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// driver lets the Python of docs/redis-schema.md answer for tokens that come
// on stdin: six fields in hexadecimal each.
const driver = `
import sys
ask = connect(sys.argv[1])
for line in sys.stdin:
    iss, jti, sid, sub, login, prefix = [bytes.fromhex(f) for f in line.rstrip("\n").split(",")]
    try: print("denied" if denied(ask, iss, jti, sid, sub, int(login), prefix) else "allowed")
    except (OSError, ValueError) as e: print("cannot tell:", e)
`

// python runs the Python blocks of docs/redis-schema.md with more behind them.
func python(t *testing.T, more, stdin string, args ...string) string {
	t.Helper()
	program := ""
	for _, b := range read(t, "docs/redis-schema.md").in("python") {
		program += b.text() + "\n"
	}
	path := filepath.Join(t.TempDir(), "reader.py")
	require.NoError(t, os.WriteFile(path, []byte(program+more), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", append([]string{path}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "python3, which make test installs or asks for, runs the reader of docs/redis-schema.md\n%s", stderr.Bytes())
	return string(out)
}

// ask is what the reader says of tokens.
func ask(t *testing.T, s *redistest.Server, tokens []denylist.Token) []string {
	t.Helper()
	_, socket := s.Addr()
	var in strings.Builder
	for _, token := range tokens {
		fields := []string{token.Issuer, token.ID, token.Session, token.Subject, fmt.Sprint(token.Login.UnixMilli()), s.Prefix()}
		for i, f := range fields {
			fields[i] = hex.EncodeToString([]byte(f))
		}
		in.WriteString(strings.Join(fields, ",") + "\n")
	}
	return strings.Split(strings.TrimSuffix(python(t, driver, in.String(), socket), "\n"), "\n")
}

// says is what a store's answer is in the reader's words.
func says(err error) string {
	switch {
	case err == nil:
		return "allowed"
	case errors.Is(err, denylist.ErrRevoked):
		return "denied"
	}
	return "cannot tell"
}

func schemaStore(t *testing.T, s *redistest.Server) *denylist.Redis {
	t.Helper()
	store, err := denylist.NewRedis(s.Client(), denylist.RedisOptions{Prefix: s.Prefix(), CheckTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second})
	require.NoError(t, err)
	return store
}

// readerIDs are ids that somebody may get wrong.
var readerIDs = []string{
	"plain", "a:b", "{}", "{7}:t:x", "a b", "a\x00b", "a\nb", "a\r\nb", "-", "%", "%2D", "é", "e\u0301", "\U0001f511", "\xff", strings.Repeat("x", 256),
}

// The reader of docs/redis-schema.md and the store agree about every token.
func TestReaderAgrees(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store := schemaStore(t, server)
	now, err := store.Now(t.Context())
	require.NoError(t, err)
	exp := now.Add(time.Hour)

	var tokens []denylist.Token
	for i, id := range readerIDs {
		for _, scope := range append([]denylist.Scope{0}, denylist.Scopes()...) { // 0: not revoked
			for _, after := range []time.Duration{-time.Millisecond, 0, time.Millisecond} { // login, of the cutoff
				issuer := fmt.Sprintf("https://id.example/%d/%d/%d", i, scope, after)
				token := denylist.Token{Issuer: issuer, ID: "j" + id, Session: "s" + id, Subject: "u" + id, ExpiresAt: exp, Login: now.Add(after)}
				if len(id) == denylist.MaxID {
					token.ID, token.Session, token.Subject = id, id, id
				}
				tokens = append(tokens, token, denylist.Token{Issuer: issuer, ID: "bare" + id[:min(9, len(id))], ExpiresAt: exp, Login: token.Login})
				revoke(t, store, scope, token, now)
			}
		}
	}
	tokens = append(tokens, exchanged(t, store, 0), exchanged(t, store, time.Hour), bothHalves(t, store))

	got := ask(t, server, tokens)
	require.Len(t, got, len(tokens))
	answers := map[string]int{}
	for i, token := range tokens {
		want := says(store.Check(t.Context(), token))
		answers[want]++
		assert.Equal(t, want, got[i], "%+v", token)
	}
	assert.Greater(t, answers["denied"], 100)
	assert.Greater(t, answers["allowed"], 100)
}

func revoke(t *testing.T, store denylist.Store, scope denylist.Scope, token denylist.Token, cutoff time.Time) {
	t.Helper()
	e := map[denylist.Scope]denylist.Entry{
		denylist.ScopeToken:   denylist.TokenEntry(token.Issuer, token.ID, token.ExpiresAt),
		denylist.ScopeSession: denylist.SessionEntry(token.Issuer, token.Session, token.ExpiresAt),
		denylist.ScopeSubject: denylist.SubjectEntry(token.Issuer, token.Subject, cutoff),
		denylist.ScopeIssuer:  denylist.IssuerEntry(token.Issuer, cutoff),
	}[scope]
	if scope == 0 {
		return
	}
	_, err := store.Revoke(t.Context(), e.WithReason("a reason, with 100 % of odd bytes: é\n"))
	require.NoError(t, err)
}

// exchanged is a token that was exchanged, and is denied an overlap later.
func exchanged(t *testing.T, store *denylist.Redis, overlap time.Duration) denylist.Token {
	t.Helper()
	now := time.Now()
	token := denylist.Token{Issuer: "https://id.example", ID: "old", Session: fmt.Sprint("overlap ", overlap), ExpiresAt: now.Add(time.Hour), Login: now}
	token.ID += token.Session
	deny := denylist.Entry{Scope: denylist.ScopeToken, Issuer: token.Issuer, ID: token.ID, Until: token.ExpiresAt, Rotated: &denylist.Rotated{}}
	_, err := store.Spend(t.Context(), token, denylist.Successor{ID: "new", IssuedAt: now, ExpiresAt: now.Add(time.Hour)},
		denylist.Exchange{Overlap: overlap, Denies: []denylist.Entry{deny}})
	require.NoError(t, err)
	return token
}

func bothHalves(t *testing.T, store *denylist.Redis) denylist.Token {
	t.Helper()
	token := exchanged(t, store, 2*time.Hour)
	revoke(t, store, denylist.ScopeToken, token, time.Time{})
	return token
}

// Where Redis could not take a revocation, the reader does not say "allowed";
// what denies a token still denies it.
func TestReaderCannotTell(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store, client := schemaStore(t, server), server.Client()
	token := denylist.Token{Issuer: "https://id.example", ID: "good", Session: "s", ExpiresAt: time.Now().Add(time.Hour)}
	revoked := denylist.Token{Issuer: "https://id.example", ID: "bad", ExpiresAt: time.Now().Add(time.Hour)}
	revoke(t, store, denylist.ScopeToken, revoked, time.Time{})
	foreign := denylist.Token{Issuer: "https://id.example", ID: "foreign", ExpiresAt: time.Now().Add(time.Hour)}
	revoke(t, store, denylist.ScopeToken, foreign, time.Time{})
	key := keyOf(t, client, server.Prefix(), " foreign ")
	require.NoError(t, client.Set(t.Context(), key, "2 of another schema", time.Hour).Err())

	got := ask(t, server, []denylist.Token{token, revoked, foreign})
	assert.Equal(t, []string{"allowed", "denied"}, got[:2])
	assert.Contains(t, got[2], "cannot tell")

	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	got = ask(t, server, []denylist.Token{token, revoked})
	assert.Contains(t, got[0], `cannot tell: b"OOM`)
	assert.Equal(t, "denied", got[1])
}

// keyOf finds the entry whose value has a text in it.
func keyOf(t *testing.T, client *redis.Client, prefix, text string) string {
	t.Helper()
	keys, err := client.Keys(t.Context(), prefix+":{0}:t:*").Result()
	require.NoError(t, err)
	for _, key := range keys {
		if value, err := client.Get(t.Context(), key).Result(); err == nil && strings.Contains(value, text) {
			return key
		}
	}
	t.Fatalf("no entry with %q", text)
	return ""
}

// A program in Python that revokes by the script is one that the store
// understands.
func TestWriterAgrees(t *testing.T) {
	t.Parallel()
	const writer = `
import sys
path, scripts, prefix, until = sys.argv[1:]
for sid in ("plain", "a b:{}%", "-", "\u00e9\n"):
    for _ in range(2):
        print(revoke_session(connect(path), scripts, b"https://id.example", sid.encode(), int(until), b"left the house", b"epoch", prefix.encode()).decode())
`
	server := redistest.Start(t)
	store := schemaStore(t, server)
	_, socket := server.Addr()
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	scripts, err := filepath.Abs(root + "/denylist/lua")
	require.NoError(t, err)
	out := python(t, writer, "", socket, scripts, server.Prefix(), fmt.Sprint(until.UnixMilli()))
	assert.Equal(t, strings.Repeat("recorded\nunchanged\n", 4), out)

	for _, sid := range []string{"plain", "a b:{}%", "-", "é\n"} {
		e, err := store.Get(t.Context(), denylist.ScopeSession, "https://id.example", sid)
		require.NoError(t, err, sid)
		assert.Equal(t, "left the house", e.Revoked.Reason)
		assert.True(t, e.ExpiresAt.Equal(until.Add(denylist.MaxLeeway+time.Minute)), "%v", e.ExpiresAt)
	}
	found, err := store.Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "epoch", found.Epoch)
	assert.Equal(t, uint64(4), found.Seq)
}

// The digests in the document are the test vectors'.
func TestDocumentedDigests(t *testing.T) {
	vectors, err := os.ReadFile(root + "/denylist/testdata/digest.json")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:`([^`]*)`)? *\\| `([\\w-]{22})` \\|$").
		FindAllStringSubmatch(read(t, "docs/redis-schema.md").text, -1)
	require.Len(t, rows, 6)
	for _, row := range rows {
		want := fmt.Sprintf("\"issuer_hex\": %q,\n  \"id_hex\": %q,\n  \"digest\": %q", hex.EncodeToString([]byte(row[1])), hex.EncodeToString([]byte(row[2])), row[3])
		assert.Contains(t, string(vectors), want)
	}
}

// The rights in the document are enough for all that a store does.
func TestDocumentedRights(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var rights string
	for _, b := range read(t, "docs/redis-schema.md").in("text") {
		if strings.HasPrefix(b.lines[0], "ACL SETUSER") {
			rights = strings.Join(b.lines, " ")
		}
	}
	require.NotEmpty(t, rights)
	rights = strings.NewReplacer(">…", ">secret", "~rescind:*", "~"+server.Prefix()+":*").Replace(rights)
	var words []any
	for _, word := range strings.Fields(rights) {
		words = append(words, word)
	}
	require.NoError(t, server.Client().Do(t.Context(), words...).Err(), rights)

	client, err := denylist.OpenURL(strings.Replace(server.URL(), "unix://", "unix://rescind@", 1)+"?db=0", "secret")
	require.NoError(t, err)
	defer client.Close()
	store, err := denylist.NewRedis(client, denylist.RedisOptions{Prefix: server.Prefix(), MaxStaleness: time.Millisecond, CheckTimeout: 5 * time.Second})
	require.NoError(t, err)
	_, err = store.Inspect(t.Context())
	require.NoError(t, err)
	token := bothHalves(t, store)
	assert.ErrorIs(t, store.Check(t.Context(), token), denylist.ErrRevoked)
	token.ID = "other"
	assert.NoError(t, store.Check(t.Context(), token))
	assert.ErrorIs(t, store.Spendable(t.Context(), token), denylist.ErrReused)
	_, err = store.List(t.Context(), denylist.Query{})
	assert.NoError(t, err)
	_, err = store.Counts(t.Context())
	assert.NoError(t, err)
	at, err := store.Position(t.Context())
	assert.NoError(t, err)
	revoke(t, store, denylist.ScopeSubject, denylist.Token{Issuer: "i", Subject: "u"}, time.Time{})
	_, err = store.Reinstate(t.Context(), denylist.ScopeSubject, "i", "u")
	assert.NoError(t, err)
	told := errors.New("told")
	assert.ErrorIs(t, store.Follow(t.Context(), at, func(denylist.Change) error { return told }), told)
	assert.NoError(t, store.Barrier(t.Context()))
}
