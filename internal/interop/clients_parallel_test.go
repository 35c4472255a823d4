package interop

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFiftyInParallel: an application has fifty requests under way while one of
// them exchanges the token. With the overlap on none is refused; with it off
// each that begins after the exchange is.
func TestFiftyInParallel(t *testing.T) {
	t.Parallel()
	for _, style := range []string{"pair", "single"} {
		for _, check := range []string{"strict", "mirror"} {
			t.Run(style+", "+check, func(t *testing.T) {
				t.Parallel()
				args := []string{"--style", style, "--check", check}
				on := newHouse(t, houseOptions{Args: append(args, "--verify-overlap", "1m")})
				during, after := on.fiftyWhileOneRotates(t)
				assert.Equal(t, map[int]int{http.StatusOK: during[http.StatusOK]}, during)
				assert.Equal(t, map[int]int{http.StatusOK: 50}, after)

				off := newHouse(t, houseOptions{Args: append(args, "--verify-overlap", "0")})
				during, after = off.fiftyWhileOneRotates(t)
				assert.Positive(t, during[http.StatusOK], "until it is exchanged, a token is good")
				assert.NotContains(t, during, http.StatusServiceUnavailable)
				assert.Equal(t, map[int]int{http.StatusUnauthorized: 50}, after)
			})
		}
	}
}

// fiftyWhileOneRotates counts the statuses of requests with the old access
// token: of those that began before the exchange was answered, and of fifty
// that began after.
func (h *house) fiftyWhileOneRotates(t *testing.T) (during, after map[int]int) {
	t.Helper()
	first := h.Login(h.Alice)
	renews := first.RefreshToken
	if renews == "" {
		renews = first.AccessToken // of style single
	}
	var rotated atomic.Bool
	underWay := make(chan struct{}, 50)
	statuses := make(chan map[int]int)
	go func() {
		statuses <- h.fifty(t, first.AccessToken, func(asked int) bool {
			if asked == 1 {
				underWay <- struct{}{}
			}
			return !rotated.Load()
		})
	}()
	for range 50 {
		<-underWay // each has had an answer before the exchange begins
	}
	status, body := h.post(h.URL+"/v1/rotate", "application/json", nil, bearer(renews))
	rotated.Store(true)
	during = <-statuses
	require.Equal(t, http.StatusOK, status, "%s", body)
	after = h.fifty(t, first.AccessToken, func(int) bool { return false })

	var second tokens
	require.NoError(t, json.Unmarshal(body, &second))
	assert.Equal(t, map[int]int{http.StatusOK: 50}, h.fifty(t, second.AccessToken, func(int) bool { return false }))
	return during, after
}

// fifty asks with the token from fifty goroutines, each again while it is told
// to, and counts the statuses.
func (h *house) fifty(t *testing.T, access string, again func(asked int) bool) map[int]int {
	counts, mu := map[int]int{}, sync.Mutex{}
	transport := &http.Transport{MaxIdleConnsPerHost: 50}
	defer transport.CloseIdleConnections()
	with := &http.Client{Transport: transport, Timeout: time.Minute}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for asked := 1; ; asked++ {
				status := h.verify(t, with, access)
				mu.Lock()
				counts[status]++
				mu.Unlock()
				if !again(asked) {
					return
				}
			}
		})
	}
	wg.Wait()
	return counts
}

// verify is the status that forward auth gives the token, 0 for no answer.
func (h *house) verify(t *testing.T, with *http.Client, access string) int {
	r, err := http.NewRequestWithContext(t.Context(), "GET", h.URL+"/v1/verify", nil)
	if !assert.NoError(t, err) {
		return 0
	}
	bearer(access)(r)
	answer, err := with.Do(r)
	if !assert.NoError(t, err) {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}
