package scenario

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

func TestZeroKnobsAreDefaults(t *testing.T) {
	t.Parallel()
	var k Knobs
	require.NoError(t, k.complete())
	want := Defaults()
	want.Revoked, want.Entries = 0, 0
	assert.Equal(t, want, k)
	again := want
	require.NoError(t, again.complete())
	assert.Equal(t, want, again)
}

func TestKnobsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Knobs){
		"no tokens":              func(k *Knobs) { k.Tokens = -1 },
		"too many tokens":        func(k *Knobs) { k.Tokens = maxCount + 1 },
		"negative entries":       func(k *Knobs) { k.Entries = -1 },
		"too many entries":       func(k *Knobs) { k.Entries = maxCount + 1 },
		"a share below 0":        func(k *Knobs) { k.Revoked = -0.1 },
		"a share over 1":         func(k *Knobs) { k.Revoked = 1.1 },
		"a share that is none":   func(k *Knobs) { k.Revoked = math.NaN() },
		"Zipf below 1":           func(k *Knobs) { k.Zipf = 0.9 },
		"Zipf of 1":              func(k *Knobs) { k.Zipf = 1 },
		"negative Zipf":          func(k *Knobs) { k.Zipf = -2 },
		"endless Zipf":           func(k *Knobs) { k.Zipf = math.Inf(1) },
		"Zipf that is none":      func(k *Knobs) { k.Zipf = math.NaN() },
		"no such algorithm":      func(k *Knobs) { k.Algorithms = map[verifier.Algorithm]int{"none": 1} },
		"negative weight":        func(k *Knobs) { k.Algorithms = map[verifier.Algorithm]int{verifier.ES256: -1, verifier.HS256: 2} },
		"weights of nothing":     func(k *Knobs) { k.Algorithms = map[verifier.Algorithm]int{verifier.ES256: 0} },
		"absurd weight":          func(k *Knobs) { k.Algorithms = map[verifier.Algorithm]int{verifier.ES256: math.MaxInt} },
		"negative lifetime":      func(k *Knobs) { k.Lifetime = -time.Hour },
		"a lifetime of no use":   func(k *Knobs) { k.Lifetime = 1500 * time.Millisecond },
		"too long a lifetime":    func(k *Knobs) { k.Lifetime = 25 * time.Hour },
		"outlived by the run":    func(k *Knobs) { k.Lifetime, k.Runs = time.Minute, time.Minute },
		"negative run":           func(k *Knobs) { k.Runs = -1 },
		"negative delay":         func(k *Knobs) { k.Delay = -1 },
		"absurd delay":           func(k *Knobs) { k.Delay = time.Minute },
		"checks outlasted":       func(k *Knobs) { k.Delay, k.Redis.CheckTimeout = time.Second, time.Second },
		"negative workers":       func(k *Knobs) { k.Concurrent = -1 },
		"absurd workers":         func(k *Knobs) { k.Concurrent = maxConcurrent + 1 },
		"two partitions":         func(k *Knobs) { k.Redis.Partitions = 2 },
		"negative margin":        func(k *Knobs) { k.Redis.SkewMargin = -1 },
		"negative check timeout": func(k *Knobs) { k.Redis.CheckTimeout = -1 },
		"braces in the prefix":   func(k *Knobs) { k.Redis.Prefix = "a{b}" },
		"long prefix":            func(k *Knobs) { k.Redis.Prefix = strings.Repeat("a", maxPrefix+1) },
		"a URL of another kind":  func(k *Knobs) { k.URLs = []string{"ftp://host/"} },
		"no such fault":          func(k *Knobs) { k.Outage.Faults = []Fault{{Name: "burnt", Lasts: time.Second}} },
		"an endless fault":       func(k *Knobs) { k.Outage.Faults = []Fault{{Name: FaultHung, Lasts: time.Hour}} },
		"too many faults":        func(k *Knobs) { k.Outage.Faults = make([]Fault, maxFaults+1) },
		"a negative calm":        func(k *Knobs) { k.Calm = -1 },
		"a negative storm":       func(k *Knobs) { k.Storm = -1 },
		"an impatient outage":    func(k *Knobs) { k.Outage.CheckTimeout = -1 },
		"one URL twice":          func(k *Knobs) { k.URLs = []string{"http://host/", "http://host/"} },
		"a URL with a password":  func(k *Knobs) { k.URLs = []string{"http://user:secret@host/"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := Defaults()
			change(&k)
			s, err := Open(t.Context(), []string{"signature"}, k, nil)
			assert.ErrorIs(t, err, ErrKnob)
			assert.Nil(t, s)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names []string
		want  error
	}{
		{nil, ErrMissing},
		{[]string{"verify"}, ErrMissing},
		{[]string{"http-verify"}, ErrMissing},
		{[]string{"signature", "verfy"}, ErrUnknown},
		{[]string{"signature", "signature"}, ErrKnob},
	} {
		s, err := Open(t.Context(), c.names, Defaults(), nil)
		assert.ErrorIs(t, err, c.want, "%v", c.names)
		assert.Nil(t, s)
	}
	// Whoever mistypes a name is told which there are.
	_, err := Open(t.Context(), []string{"verfy"}, Defaults(), nil)
	assert.ErrorContains(t, err, "check-miss, check-hit, check-confirmed, verify")
}

func TestUnreachableRedis(t *testing.T) {
	t.Parallel()
	k := Defaults()
	k.Redis.URL, k.Redis.Password = "unix:///nonexistent/redis.sock", "a-secret"
	s, err := Open(t.Context(), []string{"verify"}, k, nil)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.NotContains(t, err.Error(), k.Redis.Password)
	assert.Nil(t, s)
	k.Redis.URL = "http://127.0.0.1"
	_, err = Open(t.Context(), []string{"verify"}, k, nil)
	assert.ErrorIs(t, err, denylist.ErrInvalid)
}

// Tokens that live long enough when they are asked for may not when all is set
// up.
func TestSetUpTakesOfTheLifetime(t *testing.T) {
	t.Parallel()
	k := small(nil, "")
	k.Lifetime, k.Runs = time.Hour, 50*time.Minute
	s := openStand(t, []string{"signature"}, k)
	minted := s.population.expiresAt.Add(-k.Lifetime)
	assert.NoError(t, s.outlives(minted))
	assert.NoError(t, s.outlives(minted.Add(10*time.Minute)))
	assert.ErrorIs(t, s.outlives(minted.Add(10*time.Minute+1)), ErrKnob)
}
