package scenario

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/verifier"
)

// Rival is a verification of somebody else's making, to be measured beside the
// scenarios of this package: the same tokens, the same Redis, the same entries.
type Rival struct {
	Name string // of its contender
	// Means is one sentence: what it is, and where its documents advise it.
	Means string
	// Guarantee is a [bench.Description]'s. Its first word is strict where each
	// verification asks Redis.
	Guarantee string
	// Open makes it ready, and returns what ends it, which may be nil. It may
	// not keep ctx.
	Open func(ctx context.Context, bed Bed) (Verify, func() error, error)
}

// Verify verifies one token, from its text to whether it is revoked, reads what
// an application needs of it, and returns its jti. An error wraps
// denylist.ErrRevoked for a token that is revoked, denylist.ErrUnavailable
// where Redis could not tell; any other refuses the token for what it is. It is
// called by many goroutines at the same time.
type Verify func(ctx context.Context, raw string) (id string, err error)

// Bed is what a rival works with. Each revoked token has a key in Redis, as
// naive's have: Prefix and its jti, which expires some time after the token.
type Bed struct {
	Prefix           string
	Revoked          int // how many keys begin with Prefix
	Issuer, Audience string
	Keys             []RivalKey // of the tokens, one for each algorithm

	redis func() *redis.Options
}

// RivalKey is what verifies the tokens that name it.
type RivalKey struct {
	ID        string
	Algorithm verifier.Algorithm
	Key       any // a public key, of HMAC the secret as []byte
}

// Redis is how to reach the Redis of the run: what go-redis sets by itself, but
// as many connections as ours has. The options are the caller's. Who connects
// by other means than go-redis has to use their Dialer, which delays replies
// where the run does.
func (b Bed) Redis() *redis.Options { return b.redis() }

// Key is the key in Redis of a revoked token.
func (b Bed) Key(jti string) string { return b.Prefix + jti }

// LeftOut is a rival that takes no part, and why.
type LeftOut struct{ Name, Reason string }

// LeftOut are the rivals that could not be set up, or that answered wrongly
// then: nobody else's measurement depends on them.
func (s *Stand) LeftOut() []LeftOut { return slices.Clone(s.leftOut) }

// rivalPatience is how long the set-up of a rival may take.
const rivalPatience = 30 * time.Second

// checkRivals refuses what no run could tell apart.
func checkRivals(rivals []Rival, kinds []kind) error {
	for i, r := range rivals {
		taken := slices.ContainsFunc(kinds, func(k kind) bool { return k.name == r.Name }) ||
			slices.ContainsFunc(rivals[:i], func(other Rival) bool { return other.Name == r.Name })
		if r.Name == "" || taken {
			return badKnob("a rival called %.40q: want a name that no other contender has", r.Name)
		}
	}
	return nil
}

// openRivals sets rivals up, one after the other.
func (s *Stand) openRivals(ctx context.Context, rivals []Rival) error {
	if len(rivals) == 0 {
		return nil
	}
	bed, err := s.bed(ctx)
	if err != nil {
		return err
	}
	trials, err := s.trials(ctx)
	if err != nil {
		return err
	}
	bed.Revoked += len(trials.planted)
	for _, r := range rivals {
		s.progress("setting "+r.Name+" up", 0)
		verify, err := s.openRival(ctx, r, bed, trials)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("scenario: setting %s up: %w", r.Name, context.Cause(ctx))
		case err != nil:
			s.leftOut = append(s.leftOut, LeftOut{r.Name, inOneLine(err)})
			continue
		}
		s.contenders = append(s.contenders, one(r.Name, s.rivalry(r, verify), s.redis.meter...)...)
		s.means = append(s.means, bench.Description{Name: r.Name, Means: r.Means, Guarantee: r.Guarantee})
	}
	return nil
}

// bed is what all rivals share, with the plain keys in Redis.
func (s *Stand) bed(ctx context.Context) (Bed, error) {
	one, ok := s.redis.admin.(*redis.Client)
	if !ok || one.Options().Addr == sentinelAddr {
		return Bed{}, badKnob("rivals are measured on one Redis: want a URL of redis://, rediss:// or unix://")
	}
	if _, err := s.plainKeys(ctx); err != nil {
		return Bed{}, err
	}
	p := s.population
	bed := Bed{
		Prefix: s.redis.plainKey(""), Revoked: len(p.revoked) + s.knobs.Entries, Issuer: issuer, Audience: audience,
		redis: func() *redis.Options { return delayedOptions(plainOptions(one.Options()), s.knobs.Delay) },
	}
	for _, k := range p.keys {
		bed.Keys = append(bed.Keys, RivalKey{ID: k.public.ID(), Algorithm: k.alg, Key: k.verify})
	}
	return bed, nil
}

// openRival opens one, and has it stand the trials. One that does not is ended
// at once.
func (s *Stand) openRival(ctx context.Context, r Rival, bed Bed, trials *trials) (Verify, error) {
	type opened struct {
		verify Verify
		end    func() error
	}
	bed.Keys = slices.Clone(bed.Keys)
	o, err := guarded(ctx, rivalPatience, func(ctx context.Context) (o opened, err error) {
		o.verify, o.end, err = r.Open(ctx, bed)
		return o, err
	})
	if err != nil {
		return nil, err
	}
	end := func() error {
		if o.end == nil {
			return nil
		}
		_, err := guarded(context.Background(), rivalPatience, func(context.Context) (struct{}, error) { return struct{}{}, o.end() })
		return err
	}
	if _, err := guarded(ctx, rivalPatience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, trials.stand(ctx, o.verify)
	}); err != nil {
		return nil, errors.Join(err, end())
	}
	s.closers = append(s.closers, func() error {
		if err := end(); err != nil {
			return fmt.Errorf("scenario: ending %s: %s", r.Name, inOneLine(err))
		}
		return nil
	})
	return o.verify, nil
}

// guarded does what somebody else has written: it may panic, or never return.
func guarded[T any](ctx context.Context, patience time.Duration, work func(ctx context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if trouble := recover(); trouble != nil {
				o.err = fmt.Errorf("it panicked: %v", trouble)
			}
			ended <- o
		}()
		o.value, o.err = work(ctx)
	}()
	select {
	case o := <-ended:
		return o.value, o.err
	case <-ctx.Done():
		return *new(T), fmt.Errorf("it did not come to an end: %w", context.Cause(ctx))
	}
}

// rivalry is the scenario of a rival. One that answers from its own memory lets
// others run now and then, as verify-mirror does, and for the same reason: what
// keeps its memory fresh has to run too.
func (s *Stand) rivalry(r Rival, verify Verify) bench.Scenario {
	p := s.population
	do := func(ctx context.Context, n uint32) (err error) {
		defer func() { // of an operation: the run goes on
			if trouble := recover(); trouble != nil {
				err = &classed{classPanic, fmt.Errorf("scenario: %s panicked: %v", r.Name, trouble)}
			}
		}()
		t := &p.tokens[n]
		id, err := verify(ctx, t.raw)
		if err == nil && id != t.known.ID {
			return wrong("the claims are another token's")
		}
		return judge(err, t.revoked)
	}
	if strings.HasPrefix(r.Guarantee, "strict") {
		return newByToken(p, p.everyone(), do)
	}
	return yielding(p, 16, do)
}

// A token may be in what a rival says of it.
var tokenLike = regexp.MustCompile(`eyJ[\w.-]+`)

// inOneLine is what others have to say, without tokens.
func inOneLine(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(tokenLike.ReplaceAllString(err.Error(), "…")), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
