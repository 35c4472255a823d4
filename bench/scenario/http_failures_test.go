package scenario

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// A request that failed may still be read by the transport while its worker
// sends the next: the race detector is the judge.
func TestHTTPVerify_FailuresLeaveTheNextRequestAlone(t *testing.T) {
	t.Parallel()
	tokens := []string{"a", "b", "c", "d", "e"}
	var n atomic.Int32
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		assert.True(t, ok && slices.Contains(tokens, token), "%q", token)
		if token == "b" { // whenever it is asked: the transport asks again where a connection had been used before
			panic(http.ErrAbortHandler)
		}
		switch n.Add(1) % 7 {
		case 5:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 6:
			time.Sleep(2 * time.Millisecond) // past the deadline
		}
	})
	h, err := newHTTPVerify(t.Context(), url, tokens, httpKnobs{Workers: 4, Zipf: 1.1, Seed: 1})
	require.NoError(t, err)
	defer h.Close()
	classes := make(chan string, 4*200)
	all(t, h, 4, func(do bench.Operation) {
		for i := range 200 {
			limit := time.Duration(1+i%20) * 50 * time.Microsecond
			if i%4 == 3 {
				limit = time.Minute // a loaded machine answers some, too
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			classes <- class(do(ctx))
			cancel()
		}
	})
	close(classes)
	seen := map[string]int{}
	for c := range classes {
		seen[c]++
	}
	names := slices.Collect(maps.Keys(seen))
	assert.Subset(t, []string{"", "timeout", "connection", "http_503"}, names)
	assert.Subset(t, names, []string{"timeout", "connection"}, "%v", seen)
}

func TestHTTPVerify_TheEndOfTheRunIsNoFailure(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	var probed atomic.Bool
	url := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		if probed.Swap(true) {
			arrived <- struct{}{}
			<-r.Context().Done()
		}
	})
	h, err := newHTTPVerify(t.Context(), url, []string{"a"}, httpKnobs{})
	require.NoError(t, err)
	defer h.Close()
	do, err := h.Operation(0, 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	err = do(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, class(err))
}

func TestHTTPVerify_ServerDies(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h, err := newHTTPVerify(t.Context(), server.URL, []string{"a"}, httpKnobs{})
	require.NoError(t, err)
	defer h.Close()
	do, err := h.Operation(0, 1)
	require.NoError(t, err)
	require.NoError(t, do(t.Context()))
	server.Close()
	assert.Equal(t, "connection", class(do(t.Context())))
}
