package main

import (
	auth0jwt "github.com/rescindhq/rescind/bench/peers/auth0-jwt"
	golangjwtbloom "github.com/rescindhq/rescind/bench/peers/golang-jwt-bloom"
	golangjwtpiped "github.com/rescindhq/rescind/bench/peers/golang-jwt-piped"
	golangjwtrueidis "github.com/rescindhq/rescind/bench/peers/golang-jwt-rueidis"
	katarasjwt "github.com/rescindhq/rescind/bench/peers/kataras-jwt"
	lestrratjwx "github.com/rescindhq/rescind/bench/peers/lestrrat-jwx"
	"github.com/rescindhq/rescind/bench/scenario"
)

// rivals are all that there are, each in a directory of its name. A new one is
// such a directory, and a line here and above: .ci/peers-build reads them, and
// builds this program without those that fail.
func rivals() []scenario.Rival {
	return []scenario.Rival{
		katarasjwt.Rival(),
		auth0jwt.Rival(),
		lestrratjwx.Rival(),
		golangjwtpiped.Rival(),
		golangjwtrueidis.Rival(),
		golangjwtbloom.Rival(),
	}
}
