package verifier

import "context"

// VerifySignature returns the payload of a signed message that is not a token
// (a webhook, a licence, a receipt): a JWS in the compact form (RFC 7515) of
// at most MaxTokenSize bytes. It is read and its key is chosen as strictly as a
// token's; what the payload says, and whether it still holds, is the caller's
// to judge.
//
// Never use it for tokens: it knows nothing of issuers, audiences, expiry or
// the denylist. [Verifier.Verify] does.
func VerifySignature(ctx context.Context, keys KeySet, raw string) ([]byte, error) {
	// read answers with the parts where nothing but the claims is wrong: this
	// payload need not be claims.
	p, err := new(room).read(raw)
	if p == nil {
		return nil, err
	}
	anyType := issuer{keys: keys, types: []string{mediaType(p.typ)}}
	key, err := anyType.keyOf(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := key.verify(p.signingInput, p.signature); err != nil {
		return nil, err
	}
	return []byte(p.payload), nil
}
