package proofs

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Redis in trouble: whatever its kind, the answer is "cannot tell" within
// the deadline, and the service resumes by itself (R14, R15).
func TestR14_OutagesAnswerCannotTell(t *testing.T) {
	config := func(name, bad, good string) (func(*testing.T, *fleet), func(*testing.T, *fleet)) {
		set := func(value string) func(*testing.T, *fleet) {
			return func(t *testing.T, f *fleet) {
				require.NoError(t, f.redis.Client().ConfigSet(context.Background(), name, value).Err())
			}
		}
		return set(bad), set(good)
	}
	full, roomy := config("maxmemory", "1", "0")
	alone, enough := config("min-replicas-to-write", "1", "0")
	var keep *redis.Conn // authenticated before the password changes

	rows := []struct {
		name       string
		hurt, heal func(*testing.T, *fleet)
	}{
		{
			"killed",
			func(_ *testing.T, f *fleet) { f.redis.Kill() },
			func(_ *testing.T, f *fleet) { f.redis.Restart() },
		},
		{
			"hung",
			func(_ *testing.T, f *fleet) { f.redis.Stop() },
			func(_ *testing.T, f *fleet) { f.redis.Continue() },
		},
		{"full", full, roomy},
		{"without its replicas", alone, enough},
		{
			"read-only",
			func(t *testing.T, f *fleet) {
				require.NoError(t, f.redis.Client().ReplicaOf(context.Background(), "127.0.0.1", "1").Err())
			},
			func(t *testing.T, f *fleet) {
				require.NoError(t, f.redis.Client().ReplicaOf(context.Background(), "NO", "ONE").Err())
			},
		},
		{
			"wrong password",
			func(t *testing.T, f *fleet) {
				ctx := context.Background()
				keep = f.redis.Client().Conn()
				require.NoError(t, keep.ConfigSet(ctx, "requirepass", "another").Err())
				require.NoError(t, keep.Process(ctx, redis.NewStatusCmd(ctx, "client", "kill", "type", "normal", "skipme", "yes")))
			},
			func(t *testing.T, _ *fleet) {
				require.NoError(t, keep.ConfigSet(context.Background(), "requirepass", "").Err())
				require.NoError(t, keep.Close())
			},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFleet(t, 1, "--check-timeout", "1s")
			n := f.nodes[0]
			p := f.login(t, n)
			f.accepted(t, p.Access, "before the outage")

			row.hurt(t, f)
			questions := map[string]func() (int, string){
				"verify":  func() (int, string) { return f.verify(n, p.Access) },
				"session": func() (int, string) { return f.get(n.url+"/v1/session", p.Access) },
				"rotate": func() (int, string) {
					status, answer, _ := f.rotate(n, p.Refresh)
					return status, answer.Error
				},
				"ready": func() (int, string) { return f.get(n.url+"/readyz", "") },
			}
			for name, ask := range questions {
				for i := range 3 {
					began := time.Now()
					status, code := ask()
					assert.Equal(t, http.StatusServiceUnavailable, status, "%s %d: %s", name, i, code)
					assert.Less(t, time.Since(began), 2*time.Second, "%s %d", name, i)
					if name != "ready" {
						assert.Equal(t, "denylist_unavailable", code, "%s %d", name, i)
					}
				}
			}
			assert.Equal(t, http.StatusServiceUnavailable, f.post(t, n.url+"/v1/logout", p.Access, ""), "logout")

			row.heal(t, f)
			f.ready(t, n)
			require.Eventually(t, func() bool {
				// The logout's outcome was unknown: from the attempt on, this
				// process denies the session (R16), so ask with another one.
				status, answer, err := f.do(http.MethodPost, n.url+"/v1/login", "",
					`{"username":"`+user+`","password":"`+password+`"}`)
				return err == nil && status == http.StatusCreated && f.verifies(t, n, answer)
			}, 15*time.Second, 50*time.Millisecond, "the service never resumed")
		})
	}
}

// verifies reports whether the access token of an answer passes.
func (f *fleet) verifies(t *testing.T, n *node, answer []byte) bool {
	status, _ := f.verify(n, parsePair(t, answer).Access)
	return status == http.StatusOK
}
