package scenario

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// late is a delay that no machine makes up for by being slow elsewhere.
const late = 150 * time.Millisecond

// delayedClient is a client of url whose replies are late.
func delayedClient(t *testing.T, url string, d time.Duration) redis.UniversalClient {
	t.Helper()
	client, err := denylist.OpenURL(url, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, delayReplies(client, d))
	return client
}

func TestDelayReplies_OnePipelineIsLateOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	client := delayedClient(t, server.URL(), late)
	ctx := t.Context()
	require.NoError(t, client.Ping(ctx).Err()) // dials

	began := time.Now()
	// More than one read's worth: parts that arrive apart are late side by side.
	value := strings.Repeat("x", 2<<10)
	replies, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range 200 {
			p.Echo(ctx, value)
		}
		return nil
	})
	took := time.Since(began)

	require.NoError(t, err)
	for _, reply := range replies {
		require.Equal(t, value, reply.(*redis.StringCmd).Val())
	}
	assert.GreaterOrEqual(t, took, late)
	assert.Less(t, took, 100*late, "the replies were late one after the other")
}

func TestDelayReplies_OfSentinelAndCluster(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"sentinel": func(t *testing.T) string { return redistest.StartSentinel(t).URL() },
		"cluster":  func(t *testing.T) string { return redistest.StartCluster(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := delayedClient(t, url(t), late)
			require.NoError(t, client.Set(t.Context(), "a", "1", 0).Err()) // dials
			began := time.Now()
			require.NoError(t, client.Get(t.Context(), "a").Err())
			assert.GreaterOrEqual(t, time.Since(began), late)
		})
	}
}

func TestDelayReplies_RefusesWhatItCannotDelay(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	early := redis.NewClient(&redis.Options{Network: "unix", Addr: "none", MinIdleConns: 1})
	t.Cleanup(func() { _ = early.Close() })
	ring := redis.NewRing(&redis.RingOptions{})
	t.Cleanup(func() { _ = ring.Close() })

	assert.ErrorIs(t, delayReplies(server.Client(), -1), ErrKnob)
	assert.ErrorIs(t, delayReplies(early, late), ErrKnob)
	assert.ErrorIs(t, delayReplies(ring, late), ErrKnob)
	assert.NoError(t, delayReplies(server.Client(), 0))
}

func TestDelayReplies_DeadlineOfACommand(t *testing.T) {
	t.Parallel()
	client := delayedClient(t, redistest.Shared(t).URL(), late)
	require.NoError(t, client.Ping(t.Context()).Err())
	ctx, cancel := context.WithTimeout(t.Context(), late/5)
	defer cancel()
	assert.ErrorIs(t, client.Ping(ctx).Err(), os.ErrDeadlineExceeded)
	// The reply that came too late is not the next command's.
	got, err := client.Echo(t.Context(), "next").Result()
	require.NoError(t, err)
	assert.Equal(t, "next", got)
}

func TestDelayReplies_ServerDies(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := delayedClient(t, server.URL(), time.Millisecond)
	require.NoError(t, client.Ping(t.Context()).Err())
	server.Kill()
	assert.Error(t, client.Ping(t.Context()).Err())
	server.Restart()
	assert.Eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, time.Minute, time.Millisecond)
}

// delayedPair is a delayed connection and its other end.
func delayedPair(t *testing.T, d time.Duration) (*delayedConn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	delayed := newDelayedConn(near, d)
	t.Cleanup(func() { _ = delayed.Close() })
	return delayed, far
}

func TestDelayedConn_KeepsOrderAndSeesTheEndLate(t *testing.T) {
	t.Parallel()
	conn, far := delayedPair(t, late)
	sent := strings.Repeat("0123456789", 50_000) // more than fits one read
	began := time.Now()
	go func() {
		_, _ = io.WriteString(far, sent)
		_ = far.Close()
	}()
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Equal(t, sent, string(got))
	assert.GreaterOrEqual(t, time.Since(began), late)
}

func TestDelayedConn_SendsAtOnce(t *testing.T) {
	t.Parallel()
	conn, far := delayedPair(t, time.Hour)
	go func() { _, _ = io.WriteString(conn, "now") }()
	got := make([]byte, 3)
	_, err := io.ReadFull(far, got)
	require.NoError(t, err)
	assert.Equal(t, "now", string(got))
}

// A sender that nobody reads from has to wait, as in a network.
func TestDelayedConn_HoldsBack(t *testing.T) {
	t.Parallel()
	conn, far := delayedPair(t, time.Hour)
	require.NoError(t, far.SetWriteDeadline(time.Now().Add(2*time.Second)))
	sent, err := far.Write(make([]byte, 64<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Greater(t, sent, maxDelayed)
	assert.Less(t, sent, 32<<20)
	assert.NoError(t, conn.Close())
}

func TestDelayedConn_Deadlines(t *testing.T) {
	t.Parallel()
	conn, far := delayedPair(t, late)
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Millisecond)))
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout())

	// A deadline that is set while somebody reads ends that, and the bytes are
	// not lost.
	_, err = far.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	read := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		read <- err
	}()
	require.NoError(t, conn.SetReadDeadline(time.Now()))
	require.ErrorIs(t, <-read, os.ErrDeadlineExceeded)
	require.NoError(t, conn.SetDeadline(time.Time{}))
	got := make([]byte, 1)
	_, err = conn.Read(got)
	require.NoError(t, err)
	assert.Equal(t, "x", string(got))
}

// Whatever a connection is doing, closing it ends that, and its goroutines.
func TestDelayedConn_CloseEndsEverything(t *testing.T) {
	for name, busy := range map[string]func(far net.Conn){
		"idle":    func(net.Conn) {},
		"delayed": func(far net.Conn) { _, _ = far.Write([]byte("x")) },
		"full":    func(far net.Conn) { _, _ = far.Write(make([]byte, 8<<20)) },
		"ended":   func(far net.Conn) { _ = far.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			before := goroutinesOf("delayedConn")
			conn, far := delayedPair(t, time.Hour)
			require.NoError(t, far.SetDeadline(time.Now().Add(late)))
			busy(far)
			read := make(chan error)
			go func() {
				_, err := conn.Read(make([]byte, 1))
				read <- err
			}()
			require.NoError(t, conn.Close())
			assert.ErrorIs(t, <-read, net.ErrClosed, "not io.EOF, as if the other side had")
			assert.Eventually(t, func() bool { return goroutinesOf("delayedConn") == before }, time.Minute, time.Millisecond)
			assert.True(t, errors.Is(conn.Close(), net.ErrClosed))
		})
	}
}

// goroutinesOf counts the goroutines that run a method of the type.
func goroutinesOf(name string) int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "created by github.com/rescindhq/rescind/bench/scenario.new"+strings.ToUpper(name[:1])+name[1:])
}

// BenchmarkDelay shows how much later than asked for a reply comes.
func BenchmarkDelay(b *testing.B) {
	server := redistest.Start(b)
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 500 * time.Microsecond, 2 * time.Millisecond} {
		b.Run(d.String(), func(b *testing.B) {
			client, err := denylist.OpenURL(server.URL(), "")
			require.NoError(b, err)
			defer client.Close()
			require.NoError(b, delayReplies(client, d))
			require.NoError(b, client.Ping(b.Context()).Err())
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Ping(b.Context()).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
