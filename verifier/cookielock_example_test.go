package verifier_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rescindhq/rescind/verifier"
)

// At a login the browser gets a cookie, and the token what belongs to it.
func ExampleCookieLock() {
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{MaxAge: 12 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	cookie, claim := lock.New() // http.SetCookie(w, cookie), and rotation.Login{Lock: claim}
	fmt.Println(cookie.Name, cookie.HttpOnly, cookie.Secure, len(claim))

	// Behind a Verifier's Middleware: routes := v.Middleware(lock.Middleware(app))
	// Output: __Host-lock true true 43
}
