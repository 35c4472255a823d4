package proofs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// denied asserts that every server of the fleet refuses the token as revoked.
func (f *fleet) denied(t *testing.T, token, what string) {
	t.Helper()
	for i, n := range f.nodes {
		status, code := f.verify(n, token)
		assert.Equal(t, http.StatusUnauthorized, status, "%s at server %d", what, i)
		assert.Equal(t, "token_revoked", code, "%s at server %d", what, i)
	}
}

func (f *fleet) accepted(t *testing.T, token, what string) {
	t.Helper()
	for i, n := range f.nodes {
		status, code := f.verify(n, token)
		assert.Equal(t, http.StatusOK, status, "%s at server %d: %s", what, i, code)
	}
}

func TestR11_ReplayAfterWindowKillsTheSession(t *testing.T) {
	t.Parallel()
	const window = 300 * time.Millisecond
	f := newFleet(t, 3, "--replay-window", window.String(), "--verify-overlap", "0", "--check-timeout", patience)
	first := f.login(t, f.nodes[0])
	status, second, err := f.rotate(f.nodes[1], first.Refresh)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	f.denied(t, first.Access, "the exchanged pair's access token")
	f.accepted(t, second.Access, "the successor's access token")

	time.Sleep(window + 100*time.Millisecond) // the window is real time, on Redis's clock
	status, answer, err := f.rotate(f.nodes[2], first.Refresh)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, "token_reused", answer.Error)
	f.denied(t, second.Access, "the successor's access token after the replay")
	status, answer, err = f.rotate(f.nodes[0], second.Refresh)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, "token_revoked", answer.Error, "the successor after the replay")
}

func TestLogoutReachesEveryServer(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, "--check-timeout", patience)
	one, two, three := f.login(t, f.nodes[0]), f.login(t, f.nodes[1]), f.login(t, f.nodes[2])

	require.Equal(t, http.StatusNoContent, f.post(t, f.nodes[1].url+"/v1/logout", one.Access, ""))
	f.denied(t, one.Access, "after logout")
	f.accepted(t, two.Access, "another session after logout")

	require.Equal(t, http.StatusNoContent, f.post(t, f.nodes[2].url+"/v1/logout-all", two.Refresh, ""))
	f.denied(t, two.Access, "after logout-all")
	f.denied(t, three.Access, "a session at another server after logout-all")
	four := f.login(t, f.nodes[0])
	f.accepted(t, four.Access, "a login after logout-all")

	require.Equal(t, http.StatusCreated,
		f.post(t, f.nodes[0].admin+"/v1/revocations", adminToken, `{"scope":"issuer","reason":"global switch"}`))
	f.denied(t, four.Access, "after the global switch")
	f.accepted(t, f.login(t, f.nodes[1]).Access, "a login after the global switch")
}

func TestSessionThatRefreshesLeavesOneChain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, "--rotate-every", "0", "--check-timeout", patience)
	p := f.login(t, f.nodes[0])
	for i := range 200 {
		status, next, err := f.rotate(f.nodes[0], p.Refresh)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, "exchange %d: %s", i, next.Error)
		p = next
	}
	keys, err := f.redis.Client().Keys(context.Background(), "rescind:{0}:c:*").Result()
	require.NoError(t, err)
	assert.Len(t, keys, 1, "chains of one session")
}

func TestR13_RotationsAreLimited(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, "--rotate-every", "1h", "--check-timeout", patience)
	p := f.login(t, f.nodes[0])
	for i := range 20 {
		status, next, err := f.rotate(f.nodes[0], p.Refresh)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, "exchange %d: %s", i, next.Error)
		p = next
	}
	status, answer, err := f.rotate(f.nodes[0], p.Refresh)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTooManyRequests, status)
	assert.Equal(t, "rate_limited", answer.Error)
	f.accepted(t, p.Access, "the session of a limited chain")
}

// R19: whatever happened, neither Redis nor a log holds a token, key or
// password.
func TestR19_NoSecretInRedisOrLogs(t *testing.T) {
	t.Parallel()
	const key = "an-idempotency-key-of-a-client-4711"
	f := newFleet(t, 2, "--replay-window", "0", "--check-timeout", patience)
	n := f.nodes[0]
	first := f.login(t, n)
	req, err := http.NewRequest(http.MethodPost, n.url+"/v1/rotate", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+first.Refresh)
	req.Header.Set("Idempotency-Key", key)
	res, err := f.http.Do(req)
	require.NoError(t, err)
	var second pair
	require.NoError(t, json.NewDecoder(res.Body).Decode(&second))
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)

	third := f.login(t, f.nodes[1])
	f.verify(n, third.Access)
	f.verify(n, third.Access+"x")
	f.get(n.url+"/v1/verify?access_token="+third.Access, "")
	require.Equal(t, http.StatusCreated, f.post(t, n.admin+"/v1/revocations", adminToken, `{"token":"`+third.Refresh+`"}`))
	f.post(t, n.url+"/v1/login", "", `{"username":"nobody","password":"`+password+`"}`)
	f.post(t, n.url+"/v1/login", "", `{"username":"`+user+`","password":"wrong `+password+`"}`)
	_, replay, err := f.rotate(n, first.Refresh)
	require.NoError(t, err)
	require.Equal(t, "token_reused", replay.Error)

	secrets := map[string]string{"password": password, "admin token": adminToken, "idempotency key": key}
	for name, p := range map[string]pair{"first": first, "second": second, "third": third} {
		for kind, token := range map[string]string{"access": p.Access, "refresh": p.Refresh} {
			secrets[name+" "+kind+" token"] = token
			secrets[name+" "+kind+" signature"] = token[strings.LastIndexByte(token, '.')+1:]
		}
	}
	addPrivateKeys(t, f.keys(), secrets)

	places := map[string]string{"redis": dump(t, f.redis.Client())}
	for _, n := range f.nodes {
		places["log of "+n.url] = n.log.String()
	}
	for place, text := range places {
		require.NotEmpty(t, text, place)
		for name, secret := range secrets {
			if strings.Contains(text, secret) { // not assert.NotContains: it would print the dump
				t.Errorf("%s holds the %s", place, name)
			}
		}
	}
}

// addPrivateKeys adds the private members of every JWK below dir.
func addPrivateKeys(t *testing.T, dir string, secrets map[string]string) {
	t.Helper()
	found := false
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, after, ok := strings.Cut(string(data), `"d":`)
		if !ok {
			return nil
		}
		d := strings.SplitN(after, `"`, 3)[1]
		raw, err := base64.RawURLEncoding.DecodeString(d)
		if err != nil {
			return err
		}
		secrets["private key of "+path], secrets["raw private key of "+path] = d, string(raw)
		found = true
		return nil
	}))
	require.True(t, found, "no private JWK below %s", dir)
}

// dump is everything that a Redis holds, keys and values, as text.
func dump(t *testing.T, c redis.UniversalClient) string {
	t.Helper()
	ctx := context.Background()
	keys, err := c.Keys(ctx, "*").Result()
	require.NoError(t, err)
	var out strings.Builder
	for _, key := range keys {
		kind, err := c.Type(ctx, key).Result()
		require.NoError(t, err)
		var value any
		switch kind {
		case "string":
			value, err = c.Get(ctx, key).Result()
		case "zset":
			value, err = c.ZRangeWithScores(ctx, key, 0, -1).Result()
		case "stream":
			value, err = c.XRange(ctx, key, "-", "+").Result()
		case "hash":
			value, err = c.HGetAll(ctx, key).Result()
		default:
			t.Fatalf("key %q of type %s is not in the schema", key, kind)
		}
		require.NoError(t, err)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		out.WriteString(key + " " + string(text) + "\n")
	}
	return out.String()
}
