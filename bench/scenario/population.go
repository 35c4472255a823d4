package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// What the tokens say, beside their ids and times.
const (
	issuer     = "https://issuer.bench.invalid"
	audience   = "rescind"
	accessType = "at+jwt"
	scope      = "read write"
	// sessionLife is how long after login a session ends: rotation's default.
	sessionLife = 30 * 24 * time.Hour
)

// token is one of the population.
type token struct {
	raw     string
	key     *signingKey
	known   denylist.Token // what a denylist has to know of it
	revoked bool
}

// population is the tokens that are sent, as the server issues them: access
// tokens of as many sessions and subjects.
type population struct {
	seed            uint64
	zipf            float64
	concurrent      int
	keys            []*signingKey // of the algorithms with a weight, by name
	tokens          []token
	living, revoked []uint32 // by number, the most popular first
	expiresAt       time.Time
}

// accessClaims are those of the server's access tokens.
type accessClaims struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Audience   any    `json:"aud"`
	IssuedAt   int64  `json:"iat"`
	ExpiresAt  int64  `json:"exp"`
	ID         string `json:"jti"`
	Session    string `json:"sid"`
	Rotation   int64  `json:"rot"`
	AuthTime   int64  `json:"auth_time"`
	AuthMillis int64  `json:"auth_ms"`
	SessionEnd int64  `json:"session_exp"`
	Scope      string `json:"scope"`
}

// minted is the population, made when it is asked for first.
func (s *Stand) minted(ctx context.Context) (*population, error) {
	if s.population != nil {
		return s.population, nil
	}
	p, err := newPopulation(s.knobs, time.Now())
	if err != nil {
		return nil, err
	}
	if err := p.sign(ctx, func(share float64) { s.progress("minting tokens", share) }); err != nil {
		return nil, err
	}
	s.population = p
	return p, nil
}

// newPopulation decides all that is random; what is left is to sign.
func newPopulation(k Knobs, now time.Time) (*population, error) {
	p := &population{seed: k.Seed, zipf: k.Zipf, concurrent: k.Concurrent, tokens: make([]token, k.Tokens)}
	login := now.Truncate(time.Millisecond)
	p.expiresAt = now.Truncate(time.Second).Add(k.Lifetime)
	var mix []int // the weights of p.keys
	for _, alg := range verifier.Algorithms() {
		if k.Algorithms[alg] == 0 {
			continue
		}
		key, err := newSigningKey(k.Seed, alg)
		if err != nil {
			return nil, err
		}
		p.keys, mix = append(p.keys, key), append(mix, k.Algorithms[alg])
	}
	ids, algs := stream(k.Seed, "ids", 0), rand.New(stream(k.Seed, "algorithms", 0))
	for i := range p.tokens {
		of := newIDs(ids, 3)
		p.tokens[i] = token{key: p.keys[weighted(algs, mix)], known: denylist.Token{
			Issuer: issuer, ID: of[0], Session: of[1], Subject: of[2], Login: login, ExpiresAt: p.expiresAt,
		}}
	}
	p.revoke(k.revoked())
	return p, nil
}

// weighted draws an index of weights, each as often as it weighs.
func weighted(from *rand.Rand, weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	at := from.IntN(total)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// revoke chooses n tokens, whatever their popularity.
func (p *population) revoke(n int) {
	chosen := rand.New(stream(p.seed, "revoked", 0)).Perm(len(p.tokens))[:n]
	for _, i := range chosen {
		p.tokens[i].revoked = true
	}
	for i := range p.tokens {
		if p.tokens[i].revoked {
			p.revoked = append(p.revoked, uint32(i))
		} else {
			p.living = append(p.living, uint32(i))
		}
	}
}

// sign signs the tokens, on every core.
func (p *population) sign(ctx context.Context, progress func(share float64)) error {
	const piece = 256
	var next, done atomic.Int64
	signers, ctx := errgroup.WithContext(ctx)
	for range cores() {
		signers.Go(func() error {
			for {
				from := int(next.Add(piece)) - piece
				if from >= len(p.tokens) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("scenario: minting: %w", err)
				}
				part := p.tokens[from:min(from+piece, len(p.tokens))]
				for i := range part {
					if err := part[i].sign(); err != nil {
						return err
					}
				}
				done.Add(int64(len(part)))
			}
		})
	}
	return watch(signers.Wait, func() { progress(float64(done.Load()) / float64(len(p.tokens))) })
}

// cores is how much work is done at the same time.
func cores() int { return runtime.GOMAXPROCS(0) }

// watch calls report from time to time, and once more at the end, until work
// has returned.
func watch(work func() error, report func()) error {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case err := <-ended:
			report()
			return err
		case <-beat.C:
			report()
		}
	}
}

func (t *token) sign() error {
	claims, err := json.Marshal(t.claims())
	if err != nil {
		return fmt.Errorf("scenario: writing claims: %w", err)
	}
	t.raw, err = t.key.sign(claims)
	return err
}

// claims are t's. A session that has just begun has an access token whose iat
// is its login, in whole seconds.
func (t *token) claims() accessClaims {
	login := t.known.Login
	return accessClaims{
		Issuer: issuer, Subject: t.known.Subject, Audience: audience,
		IssuedAt: login.Unix(), ExpiresAt: t.known.ExpiresAt.Unix(),
		ID: t.known.ID, Session: t.known.Session,
		AuthTime: login.Unix(), AuthMillis: login.UnixMilli(), SessionEnd: login.Add(sessionLife).Unix(),
		Scope: scope,
	}
}

// issuer is how a verifier trusts the population's tokens.
func (p *population) issuer() verifier.Issuer {
	var keys verifier.Keys
	for _, k := range p.keys {
		keys = append(keys, k.public)
	}
	return verifier.Issuer{Name: issuer, Keys: keys, Audiences: []string{audience}}
}

// verifier trusts the population's tokens and asks list. It checks each token
// as if it had never seen it.
func (p *population) verifier(list verifier.Denylist) (*verifier.Verifier, error) {
	return verifier.New(list, []verifier.Issuer{p.issuer()}, verifier.Options{NoCache: true})
}

// entries are those that deny the population's revoked tokens, and others
// about tokens that nobody sends, in batches: a denylist is never as small as
// what is asked about. They expire one second after the other, within an hour,
// as those do that were revoked over a time. Each seed has its own.
func (p *population) entries(others int) func(yield func([]denylist.Entry) bool) {
	return func(yield func([]denylist.Entry) bool) {
		ids := stream(p.seed, "entries", 0)
		batch := make([]denylist.Entry, 0, maxBatch)
		for n := range len(p.revoked) + others {
			jti, until := "", p.expiresAt
			if n < len(p.revoked) {
				jti = p.tokens[p.revoked[n]].known.ID
			} else {
				jti, until = newIDs(ids, 1)[0], until.Add(time.Duration(n%3600)*time.Second)
			}
			batch = append(batch, denylist.TokenEntry(issuer, jti, until))
			if len(batch) == maxBatch || n == len(p.revoked)+others-1 {
				if !yield(slices.Clone(batch)) {
					return
				}
				batch = batch[:0]
			}
		}
	}
}
