package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/verifier"
)

// deviation is a vector that we judge otherwise than its label, and why.
type deviation struct {
	accepted bool
	why      string
}

const (
	pinned   = "RFC 7520 figure 20 is PS384, the vector's key says PS256: an algorithm is its key's (R2)"
	noES521  = "the vector's key says ES521, which RFC 7518 does not define: no key, nothing to accept"
	sameAs   = "byte for byte tc357, which is valid; the padding that the comment names is not in the vector"
	outsider = "a '?' inside a segment: RFC 7515 section 2 knows no such character, and tc371 with another one is invalid"
)

var deviations = map[int]deviation{
	346: {false, pinned},
	350: {false, pinned},
	347: {false, noES521},
	351: {false, noES521},
	367: {true, sameAs},
	370: {true, sameAs},
	372: {false, outsider},
	373: {false, outsider},
}

// TestSignature: 393 of 401 as labelled, the other eight as deviations says.
func TestSignature(t *testing.T) {
	asLabelled, deviating := 0, 0
	jws := map[int]string{}
	for _, g := range read(t, "json_web_signature_test.json").TestGroups {
		for _, v := range g.Tests {
			jws[v.ID] = *v.JWS.raw
			want := v.valid(t)
			d, known := deviations[v.ID]
			if known {
				deviating++
				assert.NotEqual(t, want, d.accepted, "tc%d deviates no longer", v.ID)
				want = d.accepted
			}
			if judge(t, g, v, want) && !known {
				asLabelled++
			}
		}
	}
	assert.Equal(t, jws[357], jws[367])
	assert.Equal(t, jws[357], jws[370])
	t.Logf("json_web_signature: %d of %d as labelled, %d deviations", asLabelled, len(jws), deviating)
	assert.Equal(t, 401, len(jws))
	assert.Equal(t, 393, asLabelled)
	assert.Equal(t, 8, deviating)
}

// judge reports whether the group's key accepts the vector exactly if want.
func judge(t *testing.T, g group, v vector, want bool) bool {
	return assert.Equal(t, want, accepts(t, g.keys(), *v.JWS.raw), "tc%d %s (%s)", v.ID, v.Comment, g.Comment)
}

// TestKey: 26 of 26.
func TestKey(t *testing.T) {
	right, all := 0, 0
	for _, g := range read(t, "json_web_key_test.json").TestGroups {
		for _, v := range g.Tests {
			all++
			if judge(t, g, v, v.valid(t)) {
				right++
			}
		}
	}
	t.Logf("json_web_key: %d of %d", right, all)
	assert.Equal(t, 26, all)
	assert.Equal(t, 26, right)
}

// TestCrypto: 49 of 49 JWS, and none of the JWE.
func TestCrypto(t *testing.T) {
	right, all, refused := 0, 0, 0
	for _, g := range read(t, "json_web_crypto_test.json").TestGroups {
		for _, v := range g.Tests {
			if v.JWS.raw == nil {
				refused++
				refusedUnread(t, v)
				continue
			}
			all++
			if judge(t, g, v, v.valid(t)) {
				right++
			}
		}
	}
	t.Logf("json_web_crypto: %d of %d JWS, %d JWE refused", right, all, refused)
	assert.Equal(t, 49, all)
	assert.Equal(t, 49, right)
	assert.Equal(t, 34, refused)
}

// TestEncryption: every JWE, right or wrong, is no JWS.
func TestEncryption(t *testing.T) {
	refused := 0
	for _, g := range read(t, "json_web_encryption_test.json").TestGroups {
		for _, v := range g.Tests {
			refused++
			refusedUnread(t, v)
		}
	}
	t.Logf("json_web_encryption: %d of %d refused", refused, refused)
	assert.Equal(t, 139, refused)
}

// refusedUnread checks that a JWE is refused for its form, before any key is
// asked for.
func refusedUnread(t *testing.T, v vector) {
	_, err := verifier.VerifySignature(context.Background(), noKeys{t, v.ID}, *v.JWE.raw)
	for _, want := range []error{verifier.ErrMalformed, verifier.ErrHeader, verifier.ErrTooLarge} {
		if errors.Is(err, want) {
			return
		}
	}
	t.Errorf("tc%d %s: %v, want a refusal of its form", v.ID, v.Comment, err)
}

// noKeys is a KeySet that nobody may ask.
type noKeys struct {
	t  *testing.T
	id int
}

func (n noKeys) Key(context.Context, string) (verifier.Key, error) {
	n.t.Errorf("tc%d: asked for a key", n.id)
	return verifier.Key{}, verifier.ErrUnknownKey
}
