package proofs

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// A Redis in trouble: whatever its kind, the answer is "cannot tell" within
// the deadline, and the service resumes by itself (R14, R15).
func TestR14_OutagesAnswerCannotTell(t *testing.T) {
	t.Parallel()
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
	var keep *redis.Conn // authenticated before the password changes, by the one row that has it

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
			t.Parallel()
			f := newPatientFleet(t)
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
			// One after the other: who asks in company may take another's word for it
			// that Redis accepts writes, for a moment.
			for name, ask := range questions {
				for i := range 2 {
					status, code := ask()
					assert.Equal(t, http.StatusServiceUnavailable, status, "%s %d: %s", name, i, code)
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
			}, resumes, 50*time.Millisecond, "the service never resumed")
		})
	}
}

// newPatientFleet is one server whose client would wait for Redis for longer than
// anybody here waits for an answer: what ends a question is the check-timeout.
func newPatientFleet(t *testing.T) *fleet {
	t.Helper()
	f := foundFleet(t, redistest.Start(t))
	n := f.start(t, "--check-timeout", "1s", "--redis", f.redis.URL()+"?read_timeout=1h")
	f.nodes = []*node{n}
	f.ready(t, n)
	return f
}

// verifies reports whether the access token of an answer passes.
func (f *fleet) verifies(t *testing.T, n *node, answer []byte) bool {
	status, _ := f.verify(n, parsePair(t, answer).Access)
	return status == http.StatusOK
}
