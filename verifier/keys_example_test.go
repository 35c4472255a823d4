package verifier_test

import (
	"context"
	"fmt"

	"github.com/rescindhq/rescind/verifier"
)

func ExampleNewKey() {
	key, err := verifier.NewKey("2026-01", verifier.HS256, []byte("a secret of at least thirty-two bytes"))
	fmt.Println(key, err)

	_, err = verifier.NewKey("", verifier.HS256, []byte("hunter2"))
	fmt.Println(err)
	// Output:
	// HS256 key "2026-01" <nil>
	// verifier: HS256 key: a secret of 7 bytes: want 32 to 4096 (RFC 7518 section 3.2)
}

func ExampleParseJWKS() {
	keys, err := verifier.ParseJWKS([]byte(`{"keys": [
	  {"kty": "OKP", "crv": "Ed25519", "kid": "ours", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
	  {"kty": "OKP", "crv": "X25519", "kid": "not-for-signatures", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}
	]}`), verifier.RS256)
	fmt.Println(keys, err)

	key, err := keys.Key(context.Background(), "ours")
	fmt.Println(key.Algorithm(), err)
	// Output:
	// [EdDSA key "ours"] <nil>
	// EdDSA <nil>
}

func ExampleParsePEM() {
	keys, err := verifier.ParsePEM([]byte(`-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`), "")
	fmt.Println(keys, err)
	// Output:
	// [EdDSA key "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"] <nil>
}
