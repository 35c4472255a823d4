package scenario

import (
	"context"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

func naiveKind() kind {
	return kind{
		name:      "naive",
		means:     "What people write today: golang-jwt reads the token into a struct, then go-redis asks EXISTS for its jti.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openNaive,
	}
}

// naiveClaims are what an application reads of a token.
type naiveClaims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

// naive is a verification as people write it. They make the parser once or for
// every token: here it is made once, which is the faster of the two.
type naive struct {
	parser *jwt.Parser
	keys   map[string]any // by kid
	client redis.UniversalClient
	keyOf  func(jti string) string
}

func openNaive(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	n, err := newNaive(ctx, s)
	if err != nil {
		return nil, err
	}
	p := s.population
	do := func(ctx context.Context, number uint32) error {
		t := &p.tokens[number]
		return judge(n.answer(ctx, t), t.revoked)
	}
	return one("naive", newByToken(p, p.everyone(), do), s.redis.meter...), nil
}

func newNaive(ctx context.Context, s *Stand) (*naive, error) {
	client, err := s.plainKeys(ctx)
	if err != nil {
		return nil, err
	}
	n := &naive{keys: map[string]any{}, client: client, keyOf: s.redis.plainKey}
	var methods []string
	for _, k := range s.population.keys {
		methods = append(methods, string(k.alg))
		n.keys[k.public.ID()] = k.verify
	}
	n.parser = jwt.NewParser(jwt.WithValidMethods(methods))
	return n, nil
}

// find is golang-jwt's key function.
func (n *naive) find(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	key, ok := n.keys[kid]
	if !ok {
		return nil, fmt.Errorf("no key of that id")
	}
	return key, nil
}

// answer is nil for a token that is accepted.
func (n *naive) answer(ctx context.Context, t *token) error {
	var claims naiveClaims
	if _, err := n.parser.ParseWithClaims(t.raw, &claims, n.find); err != nil {
		return wrong("golang-jwt refused a good token: %w", err)
	}
	found, err := n.client.Exists(ctx, n.keyOf(claims.ID)).Result()
	switch {
	case err != nil:
		return unavailable(err)
	case found != 0:
		return denylist.ErrRevoked
	}
	return nil
}

// judgeFound is judge for the number of keys that Redis found.
func judgeFound(found int64, err error, revoked bool) error {
	switch {
	case err != nil:
		return &classed{classUnavailable, err}
	case found == 0 && revoked:
		return wrong("a revoked token was accepted")
	case found != 0 && !revoked:
		return wrong("a good token was refused")
	}
	return nil
}
