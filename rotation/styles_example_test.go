package rotation_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// A token that is used is renewed in a response header; a mark has it renewed
// at once, with what the application says of its subject now.
func ExampleSliding() {
	ctx := context.Background()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		log.Fatal(err)
	}
	role := "reader"
	list := denylist.NewMemory(denylist.MemoryOptions{}) // or denylist.NewRedis
	sessions, err := rotation.New(ring, list, rotation.Options{
		Issuer: "https://login.example", Style: rotation.Single,
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
		Claims: func(context.Context, rotation.ClaimsRequest) (rotation.FreshClaims, error) {
			return rotation.FreshClaims{Extra: map[string]any{"role": role}}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	api, err := verifier.New(list, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sliding, err := rotation.NewSliding(sessions, rotation.SlidingOptions{Marks: list})
	if err != nil {
		log.Fatal(err)
	}
	routes := api.Middleware(sliding.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var c struct {
			Role string `json:"role"`
		}
		claims, _ := verifier.FromContext(r.Context())
		if err := claims.Decode(&c); err != nil {
			log.Fatal(err)
		}
		fmt.Println("role:", c.Role)
	})))

	at, err := sessions.Now(ctx)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := sessions.Login(ctx, rotation.Login{At: at, Subject: "3e0f5a52"})
	if err != nil {
		log.Fatal(err)
	}
	token := tokens.Access
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		if renewed := w.Header().Get("X-Renewed-Token"); renewed != "" {
			fmt.Println("renewed")
			token = renewed
		}
	}
	ask()
	role = "editor"
	if _, err := list.Mark(ctx, denylist.Mark{Scope: denylist.ScopeSubject, Issuer: "https://login.example", ID: "3e0f5a52"}); err != nil {
		log.Fatal(err)
	}
	ask()
	ask()
	// Output:
	// role: reader
	// role: reader
	// renewed
	// role: editor
}

// The page gets an access token, the browser a refresh token that no script
// can read.
func ExampleBrowser() {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		log.Fatal(err)
	}
	list := denylist.NewMemory(denylist.MemoryOptions{}) // or denylist.NewRedis
	sessions, err := rotation.New(ring, list, rotation.Options{Issuer: "https://login.example", ReplayWindow: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{MaxAge: 30 * 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	passwords := func(r *http.Request) (rotation.Login, error) {
		if r.PostFormValue("password") != "correct horse" {
			return rotation.Login{}, rotation.ErrCredentials
		}
		return rotation.Login{Subject: "3e0f5a52"}, nil
	}
	browser, err := rotation.NewBrowser(sessions, lock, passwords, rotation.BrowserOptions{})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest(http.MethodPost, "/session/login", strings.NewReader("password=correct+horse"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	browser.ServeHTTP(w, r)
	fmt.Println(w.Code)
	for _, cookie := range w.Result().Cookies() {
		fmt.Println(cookie.Name, "for", cookie.Path, cookie.HttpOnly && cookie.Secure)
	}
	// Output:
	// 201
	// __Host-lock for / true
	// __Secure-refresh for /session true
}
