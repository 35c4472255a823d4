package verifier

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signedHS256 is header and payload, signed with secretOf(32).
func signedHS256(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(hmacSum(secretOf(32), input))
}

func TestVerifySignature(t *testing.T) {
	key, err := NewKey("k", HS256, secretOf(32))
	require.NoError(t, err)
	twin, err := NewKey("other", HS256, secretOf(32))
	require.NoError(t, err)
	const header = `{"alg":"HS256","kid":"k"}`
	for _, tt := range []struct {
		name string
		keys Keys
		raw  string
		want error
	}{
		{"text", Keys{key}, signedHS256(header, "any text"), nil},
		{"no payload", Keys{key}, signedHS256(header, ""), nil},
		{"bytes", Keys{key}, signedHS256(header, "\x00\xff"), nil},
		{"claims", Keys{key}, signedHS256(header, `{"exp":0}`), nil},
		{"another typ", Keys{key}, signedHS256(`{"alg":"HS256","typ":"application/x+y"}`, "x"), nil},
		{"no kid, one key", Keys{key}, signedHS256(`{"alg":"HS256"}`, "x"), nil},
		{"no kid, two keys", Keys{key, twin}, signedHS256(`{"alg":"HS256"}`, "x"), ErrUnknownKey},
		{"empty kid", Keys{key}, signedHS256(`{"alg":"HS256","kid":""}`, "x"), ErrUnknownKey},
		{"another kid", Keys{twin}, signedHS256(header, "x"), ErrUnknownKey},
		{"no keys", nil, signedHS256(header, "x"), ErrUnknownKey},
		{"no alg", Keys{key}, signedHS256(`{"kid":"k"}`, "x"), ErrAlgorithm},
		{"another alg", Keys{key}, signedHS256(`{"alg":"HS384"}`, "x"), ErrAlgorithm},
		{"none", Keys{key}, signedHS256(`{"alg":"none"}`, "x"), ErrAlgorithm},
		{"crit", Keys{key}, signedHS256(`{"alg":"HS256","crit":["exp"],"exp":1}`, "x"), ErrHeader},
		{"b64", Keys{key}, signedHS256(`{"alg":"HS256","b64":false}`, "x"), ErrHeader},
		{"jwk", Keys{key}, signedHS256(`{"alg":"HS256","jwk":{}}`, "x"), ErrHeader},
		{"a token in it", Keys{key}, signedHS256(`{"alg":"HS256","cty":"JWT"}`, "x"), ErrHeader},
		{"alg twice", Keys{key}, signedHS256(`{"alg":"none","alg":"HS256"}`, "x"), ErrMalformed},
		{"changed", Keys{key}, signedHS256(header, "x")[:40] + "A" + signedHS256(header, "x")[41:], ErrSignature},
		{"no signature", Keys{key}, strings.TrimRight(signedHS256(header, "x"), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"), ErrSignature},
		{"five segments", Keys{key}, signedHS256(header, "x") + "..", ErrMalformed},
		{"too large", Keys{key}, signedHS256(header, strings.Repeat("x", MaxTokenSize)), ErrTooLarge},
		{"nothing", Keys{key}, "", ErrMissing},
	} {
		payload, err := VerifySignature(context.Background(), tt.keys, tt.raw)
		assert.ErrorIs(t, err, tt.want, tt.name)
		if tt.want != nil {
			assert.Nil(t, payload, tt.name)
		} else {
			assert.NotNil(t, payload, tt.name)
		}
	}
}

func ExampleVerifySignature() {
	key, _ := NewKey("hook-1", HS256, []byte("a secret of at least thirty-two bytes"))
	_, err := VerifySignature(context.Background(), Keys{key}, "eyJhbGciOiJIUzI1NiIsImtpZCI6Imhvb2stMSJ9.aGVsbG8.AAAA")
	fmt.Println(err)
	// Output: verifier: signature is wrong
}
