package verifier

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// handClock is a clock that is set by hand.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func TestCache_TimePasses(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	for name, opts := range map[string]Options{
		"strict":  {},
		"leeway":  {Leeway: 3 * time.Second},
		"exact":   {Leeway: 3 * time.Second, ExactExpiry: true},
		"ignored": {Leeway: 3 * time.Second, InsecureIgnoreExpiry: true},
	} {
		clock := &handClock{now: testNow}
		opts.Now = clock.Now
		cached := f.verifier(empty{}, opts)
		opts.NoCache = true
		naked := f.verifier(empty{}, opts)
		raw := f.token(map[string]any{"nbf": testNow.Unix() - 2, "iat": testNow.Unix() - 1, "exp": testNow.Unix() + 10})
		_, err := cached.Verify(t.Context(), raw)
		require.NoError(t, err)
		for _, d := range []time.Duration{
			-5 * time.Second, -4*time.Second - 1, -4 * time.Second, -2 * time.Second, -time.Second - 1, -time.Second, 0,
			10*time.Second - 1, 10 * time.Second, 13*time.Second - 1, 13 * time.Second, time.Hour, 0,
		} {
			clock.set(testNow.Add(d))
			_, want := naked.Verify(t.Context(), raw)
			_, got := cached.Verify(t.Context(), raw)
			assert.Equal(t, want, got, "%s, %v", name, d)
		}
		assert.Equal(t, uint64(13), cached.CacheStats().Hits, name)
	}
}

// dying is a key that ends by itself, in one generation.
type dying struct {
	key   Key
	end   time.Time
	clock *handClock
	state Generation
}

func (d *dying) Key(context.Context, string) (Key, error) {
	if d.clock.Now().Before(d.end) {
		return d.key, nil
	}
	return Key{}, ErrUnknownKey
}

func (d *dying) Generation() *Generation { return &d.state }

func TestCache_KeysDieByTime(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	clock, end := &handClock{now: testNow}, testNow.Add(8*time.Second)
	// One that says when another key ends goes on with this one.
	for _, until := range []time.Time{end, testNow.Add(4 * time.Second)} {
		issuer := f.issuer()
		issuer.Keys = &dying{f.key, end, clock, Generation{Until: until}}
		cached, err := New(empty{}, []Issuer{issuer}, Options{Now: clock.Now})
		require.NoError(t, err)
		naked, err := New(empty{}, []Issuer{issuer}, Options{Now: clock.Now, NoCache: true})
		require.NoError(t, err)
		raw := f.token(map[string]any{"iat": testNow.Unix() - 1, "exp": testNow.Unix() + 10})
		for _, d := range []time.Duration{
			0, 4*time.Second - 1, 4 * time.Second, 8*time.Second - 1, 8 * time.Second, 9 * time.Second, 10 * time.Second, 0, time.Second,
		} {
			clock.set(testNow.Add(d))
			_, want := naked.Verify(t.Context(), raw)
			_, got := cached.Verify(t.Context(), raw)
			assert.Equal(t, want, got, "%v, until %v", d, until)
		}
		assert.EqualValues(t, 4, cached.CacheStats().Hits, "until %v", until)
	}
}

// What has expired is expired, and the denylist hears nothing of it.
func TestR1_ExpiredInTheCacheIsNotLookedUp(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	clock := &handClock{now: testNow}
	var asked list
	v := f.verifier(&asked, Options{Now: clock.Now})
	raw := f.token()
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	asked.set("token-1", denylist.ErrRevoked)
	clock.set(testNow.Add(15 * time.Minute))
	_, err = v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, ErrExpired)
	assert.NotErrorIs(t, err, denylist.ErrRevoked)
	assert.Len(t, asked.asked, 1)
	assert.Equal(t, uint64(1), v.CacheStats().Hits)
}

// slow is a denylist that a process is suspended in.
type slow struct {
	clock *handClock
	after time.Time
}

func (s slow) Check(context.Context, denylist.Token) error {
	s.clock.set(s.after)
	return nil
}

func TestCache_TheClockIsReadAgainAfterTheDenylist(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	clock := &handClock{now: testNow}
	list := &slow{clock, testNow}
	v := f.verifier(list, Options{Now: clock.Now})
	raw := f.token()
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	list.after = testNow.Add(15 * time.Minute)
	_, err = v.Verify(t.Context(), raw)
	assert.ErrorIs(t, err, ErrExpired)
}

// glancing is a mirror that knows nothing, and notes the order of things.
type glancing struct{ events []string }

func (g *glancing) note(event string) { g.events = append(g.events, event) }

func (g *glancing) Check(context.Context, denylist.Token) error {
	g.note("check")
	return denylist.ErrRevoked
}

func (g *glancing) GlancePrepared(*denylist.Prepared) denylist.Glance {
	g.note("glance")
	return denylist.Glance{}
}

func TestCache_TheClockIsReadAfterTheMirror(t *testing.T) {
	t.Parallel()
	f := newForge(t, HS256)
	var g glancing
	v := f.verifier(&g, Options{InsecureFailOpen: true, OnFailOpen: func(error) {}, Now: func() time.Time {
		g.note("clock")
		return testNow
	}})
	_, err := v.Verify(t.Context(), f.token())
	require.ErrorIs(t, err, denylist.ErrRevoked)
	assert.Equal(t, []string{"glance", "clock", "check"}, g.events)
	g.events = nil
	_, err = v.Verify(t.Context(), f.token(map[string]any{"iat": testNow.Unix() - 60, "exp": testNow.Unix()}))
	require.ErrorIs(t, err, ErrExpired)
	assert.Equal(t, []string{"glance", "clock"}, g.events)
}
