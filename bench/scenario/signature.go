package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func signatureKind() kind {
	return kind{
		name:  "signature",
		means: "A token is verified without asking any store: the floor under everything that rescind does.",
		open:  openSignature,
	}
}

func openSignature(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	p, err := s.minted(ctx)
	if err != nil {
		return nil, err
	}
	v, err := p.verifier(nobody{})
	if err != nil {
		return nil, err
	}
	do := func(ctx context.Context, n uint32) error {
		t := &p.tokens[n]
		claims, err := v.Authenticate(ctx, t.raw)
		if err == nil && claims.ID() != t.known.ID {
			return wrong("the claims are another token's")
		}
		return judge(err, false)
	}
	return one("signature", newByToken(p, p.everyone(), do)), nil
}
