package verifier_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// mint stands for the issuer, which is usually somebody else.
func mint(jti string) (raw string, public ed25519.PublicKey) {
	private := ed25519.NewKeyFromSeed([]byte("an example's seed of 32 bytes..."))
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "api", "sub": "alice", "jti": jti, "scope": "read",
		"iat": now.Unix(), "exp": now.Add(15 * time.Minute).Unix(),
	})
	token.Header["typ"] = "at+jwt"
	raw, err := token.SignedString(private)
	if err != nil {
		panic(err)
	}
	return raw, private.Public().(ed25519.PublicKey)
}

func ExampleVerifier_Verify() {
	ctx := context.Background()
	raw, public := mint("token-1")

	key, err := verifier.NewKey("", verifier.EdDSA, public)
	if err != nil {
		panic(err)
	}
	store := denylist.NewMemory(denylist.MemoryOptions{}) // or denylist.NewRedis
	v, err := verifier.New(store, []verifier.Issuer{{
		Name:      "https://issuer.example",
		Keys:      verifier.Keys{key},
		Audiences: []string{"api"},
	}}, verifier.Options{})
	if err != nil {
		panic(err)
	}

	claims, err := v.Verify(ctx, raw)
	fmt.Println(claims.Subject(), claims.HasScope("read"), err)

	token := claims.Token()
	if _, err := store.Revoke(ctx, denylist.TokenEntry(token.Issuer, token.ID, token.ExpiresAt)); err != nil {
		panic(err)
	}
	_, err = v.Verify(ctx, raw)
	fmt.Println(errors.Is(err, denylist.ErrRevoked))
	// Output:
	// alice true <nil>
	// true
}

func ExampleVerifier_Middleware() {
	raw, public := mint("token-2")
	key, err := verifier.NewKey("", verifier.EdDSA, public)
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), []verifier.Issuer{{
		Name: "https://issuer.example", Keys: verifier.Keys{key}, Audiences: []string{"api"},
	}}, verifier.Options{})
	if err != nil {
		panic(err)
	}

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verifier.FromContext(r.Context())
		fmt.Fprintln(w, "hello", claims.Subject())
	})
	mux := http.NewServeMux()
	mux.Handle("/hello", v.Middleware(hello))
	mux.Handle("/admin", v.Middleware(verifier.RequireScope("admin")(hello)))

	for _, path := range []string{"/hello", "/admin"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+raw)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 hello alice
	// 403 {"error":"insufficient_scope","error_description":"The token's scope is not sufficient."}
}

// The keys of an identity provider, found by its name.
func ExampleNewRemote() {
	raw, public := mint("token-3")
	idp := httptest.NewServer(nil)
	defer idp.Close()
	mux := http.NewServeMux()
	idp.Config.Handler = mux
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, idp.URL, idp.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		x := base64.RawURLEncoding.EncodeToString(public)
		fmt.Fprintf(w, `{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": %q}]}`, x)
	})

	keys, err := verifier.NewRemote(idp.URL, verifier.RemoteOptions{}) // https://id.example
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), []verifier.Issuer{{
		Name: "https://issuer.example", Keys: keys, Audiences: []string{"api"},
	}}, verifier.Options{})
	if err != nil {
		panic(err)
	}
	claims, err := v.Verify(context.Background(), raw)
	fmt.Println(claims.Subject(), claims.KeyID(), err)
	// Output: alice one <nil>
}
