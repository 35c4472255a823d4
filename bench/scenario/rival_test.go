package scenario

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// opener opens a rival of a test.
type opener func(ctx context.Context, bed Bed) (Verify, func() error, error)

// honest is a rival that does what it should, but for what changes the parser.
func honest(options ...jwt.ParserOption) opener {
	return func(_ context.Context, bed Bed) (Verify, func() error, error) {
		client := redis.NewClient(bed.Redis())
		parser := jwt.NewParser(append([]jwt.ParserOption{jwt.WithIssuer(bed.Issuer), jwt.WithAudience(bed.Audience)}, options...)...)
		find := func(t *jwt.Token) (any, error) {
			for _, k := range bed.Keys {
				if k.ID == t.Header["kid"] && string(k.Algorithm) == t.Method.Alg() {
					return k.Key, nil
				}
			}
			return nil, errors.New("no such key")
		}
		verify := func(ctx context.Context, raw string) (string, error) {
			var claims naiveClaims
			if _, err := parser.ParseWithClaims(raw, &claims, find); err != nil {
				return "", err
			}
			found, err := client.Exists(ctx, bed.Key(claims.ID)).Result()
			switch {
			case err != nil:
				return "", errors.Join(denylist.ErrUnavailable, err)
			case found > 0:
				return "", denylist.ErrRevoked
			}
			return claims.ID, nil
		}
		return verify, client.Close, nil
	}
}

func rival(name string, open opener) Rival {
	return Rival{Name: name, Means: "A rival of a test.", Guarantee: "strict: as it is asked each time", Open: open}
}

func TestRivalsTakeTurnsWithOurs(t *testing.T) {
	t.Parallel()
	for name, setup := range setups(t) {
		if name == "Cluster" || name == "Sentinel" {
			continue // see TestRivalsThatCannotBe
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := setup(t)
			s, err := OpenWith(t.Context(), []string{"naive", "verify"}, []Rival{rival("honest", honest())}, k, nil)
			require.NoError(t, err)
			defer func() { assert.NoError(t, s.Close()) }()
			require.Empty(t, s.LeftOut())
			require.Len(t, s.Contenders(), 3)
			assert.Equal(t, bench.Description{Name: "honest", Means: "A rival of a test.", Guarantee: "strict: as it is asked each time"},
				s.Descriptions()[2])
			c := s.Contenders()[2]
			assert.Equal(t, len(s.Contenders()[0].Meters), len(c.Meters))
			assert.Empty(t, exercise(t, c, 4, 100))
		})
	}
}

// Whoever does not verify is left out by name, with a reason in which there is
// no token, and keeps nobody else from being measured.
func TestRivalsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	says := func(id string, err error) opener {
		return func(context.Context, Bed) (Verify, func() error, error) {
			return func(context.Context, string) (string, error) { return id, err }, nil, nil
		}
	}
	unsigned := func(context.Context, Bed) (Verify, func() error, error) {
		return func(_ context.Context, raw string) (string, error) {
			var claims naiveClaims
			_, _, err := jwt.NewParser().ParseUnverified(raw, &claims)
			return claims.ID, err
		}, nil, nil
	}
	unasked := func(_ context.Context, bed Bed) (Verify, func() error, error) {
		bed.Prefix = "nothing:"
		return honest()(t.Context(), bed)
	}
	cases := map[string]struct {
		open opener
		want string
	}{
		"fails":           {func(context.Context, Bed) (Verify, func() error, error) { return nil, nil, errors.New("no\n luck") }, "no luck"},
		"panics":          {func(context.Context, Bed) (Verify, func() error, error) { panic("at once") }, "it panicked: at once"},
		"is none":         {nil, "it panicked"},
		"verifies none":   {says("x", nil), "a good token came with another's jti"},
		"refuses all":     {says("", errors.New("no")), "a good token was refused"},
		"cannot tell":     {says("", denylist.ErrUnavailable), "it could not tell about a good token"},
		"no signature":    {unsigned, "a revoked token was accepted"},
		"no denylist":     {unasked, "a revoked token was accepted"},
		"no expiry":       {honest(jwt.WithoutClaimsValidation()), "an expired token was accepted"},
		"no audience":     {honest(jwt.WithAudience("somebody-else", audience)), "a token for another audience was accepted"},
		"no issuer":       {honest(jwt.WithIssuer("")), "a token of another issuer was accepted"},
		"no nbf":          {unpatient, "a token that is not valid yet was accepted"},
		"says the tokens": {sayToken, "a good token was refused: …"},
	}
	server := redistest.Start(t)
	var rivals []Rival
	for name, c := range cases {
		rivals = append(rivals, rival(name, c.open))
	}
	rivals = append(rivals, rival("honest", honest()))
	s, err := OpenWith(t.Context(), []string{"naive"}, rivals, small(server, server.Prefix()), nil)
	require.NoError(t, err)
	require.Len(t, s.Contenders(), 2)
	assert.Equal(t, "honest", s.Contenders()[1].Name)
	require.Len(t, s.LeftOut(), len(cases))
	for _, left := range s.LeftOut() {
		assert.True(t, strings.HasPrefix(left.Reason, cases[left.Name].want), "%s: %s", left.Name, left.Reason)
		assert.NotContains(t, left.Reason, "eyJ")
		assert.NotContains(t, left.Reason, "\n")
	}
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}

// unpatient is a rival that knows nothing of nbf.
func unpatient(ctx context.Context, bed Bed) (Verify, func() error, error) {
	verify, end, err := honest()(ctx, bed)
	return func(ctx context.Context, raw string) (string, error) {
		id, err := verify(ctx, raw)
		if errors.Is(err, jwt.ErrTokenNotValidYet) {
			return "", nil
		}
		return id, err
	}, end, err
}

// sayToken is a rival whose errors have the token in them.
func sayToken(context.Context, Bed) (Verify, func() error, error) {
	return func(_ context.Context, raw string) (string, error) { return "", errors.New(raw) }, nil, nil
}

// One that does not check signatures, but all else.
func TestRivalThatTrustsAnybody(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	open := func(ctx context.Context, bed Bed) (Verify, func() error, error) {
		verify, end, err := honest()(ctx, bed)
		return func(ctx context.Context, raw string) (string, error) {
			var claims naiveClaims
			_, _, _ = jwt.NewParser().ParseUnverified(raw, &claims)
			id, err := verify(ctx, raw)
			if err != nil && strings.Contains(err.Error(), "signature is invalid") {
				return claims.ID, nil
			}
			return id, err
		}, end, err
	}
	s, err := OpenWith(t.Context(), []string{"naive"}, []Rival{rival("trusting", open)}, small(server, server.Prefix()), nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	assert.Equal(t, []LeftOut{{"trusting", "a token that another key has signed was accepted"}}, s.LeftOut())
}

// What goes wrong after the trials is seen, and does not end the run.
func TestRivalThatGoesWrong(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	for class, wrong := range map[string]func() (string, error){
		classPanic:        func() (string, error) { panic("later") },
		bench.WrongAnswer: func() (string, error) { return "another", nil },
		classUnavailable:  func() (string, error) { return "", denylist.ErrUnavailable },
	} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			var gone atomic.Bool
			open := func(ctx context.Context, bed Bed) (Verify, func() error, error) {
				verify, end, err := honest()(ctx, bed)
				return func(ctx context.Context, raw string) (string, error) {
					if gone.Load() {
						return wrong()
					}
					return verify(ctx, raw)
				}, end, err
			}
			k := small(server, redistest.NextPrefix())
			s, err := OpenWith(t.Context(), []string{"naive"}, []Rival{rival("turncoat", open)}, k, nil)
			require.NoError(t, err)
			defer func() { assert.NoError(t, s.Close()) }()
			require.Len(t, s.Contenders(), 2)
			gone.Store(true)
			do, err := s.Contenders()[1].Scenario.Operation(0, 1)
			require.NoError(t, err)
			for range 20 {
				assert.Equal(t, class, classOf(do(t.Context())))
			}
		})
	}
}

func TestRivalsThatCannotBe(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	good := small(server, server.Prefix())
	none := good
	none.Redis.URL = ""
	cluster := redistest.StartCluster(t)
	many := small(cluster, cluster.Prefix())
	twice := []Rival{rival("a", honest()), rival("a", honest())}
	for _, c := range []struct {
		what   string
		rivals []Rival
		knobs  Knobs
		want   error
	}{
		{"two of one name", twice, good, ErrKnob},
		{"the name of one of ours", []Rival{rival("naive", honest())}, good, ErrKnob},
		{"no name", []Rival{rival("", honest())}, good, ErrKnob},
		{"no Redis", []Rival{rival("a", honest())}, none, ErrMissing},
		{"a Cluster", []Rival{rival("a", honest())}, many, ErrKnob},
	} {
		_, err := OpenWith(t.Context(), []string{"naive"}, c.rivals, c.knobs, nil)
		assert.ErrorIs(t, err, c.want, c.what)
	}
	assert.Empty(t, allKeys(t, server.Client()))
	for _, m := range cluster.Masters {
		assert.Empty(t, allKeys(t, m.Client()))
	}
}

// Ctrl-C while a rival is set up leaves nothing, and blames nobody.
func TestInterruptedRival(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	open := func(ctx context.Context, _ Bed) (Verify, func() error, error) {
		cancel()
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	_, err := OpenWith(ctx, []string{"naive"}, []Rival{rival("slow", open)}, small(server, server.Prefix()), nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, allKeys(t, server.Client()))
}

// A rival that never returns is waited for no longer than the patience.
func TestGuarded(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	defer close(forever)
	_, err := guarded(t.Context(), time.Millisecond, func(context.Context) (int, error) { <-forever; return 0, nil })
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}
