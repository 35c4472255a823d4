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
	var in room
	if err := in.readSigned(raw, false); err != nil { // but not its claims: it need not have any
		return nil, err
	}
	anyType := issuer{keys: keys, types: []string{mediaType(in.typ)}}
	key, err := anyType.keyOf(ctx, &in.parts)
	if err != nil {
		return nil, err
	}
	if err := key.verify(in.signingInput, in.signature); err != nil {
		return nil, err
	}
	return []byte(in.payload), nil
}
