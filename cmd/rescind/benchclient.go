package main

import (
	"slices"

	"github.com/rescindhq/rescind/bench/scenario"
)

// clientSecretVariable has the secret of --client, or with _FILE behind it where
// that is.
const clientSecretVariable = "RESCIND_BENCH_CLIENT_SECRET"

// benchClient is who asks an introspection endpoint.
func (c *call) benchClient(f *benchFlags) (scenario.ClientKnobs, error) {
	if c.asksURLs() != "introspect" {
		return scenario.ClientKnobs{}, nil
	}
	key, err := secret(c.getenv, clientSecretVariable)
	switch {
	case err != nil:
		return scenario.ClientKnobs{}, err
	case f.client == "":
		return scenario.ClientKnobs{}, usageError("introspect asks as a client: no --client").
			hint("the id that rescind clients add prints; its key goes into %s, or a file that %[1]s_FILE names", clientSecretVariable)
	case key == "":
		return scenario.ClientKnobs{}, usageError("introspect asks as a client: no %s", clientSecretVariable).
			hint("or name a file that has it: %s_FILE", clientSecretVariable)
	}
	return scenario.ClientKnobs{ID: f.client, Secret: key}, nil
}

// asksURLs is the scenario that asks what --url names.
func (c *call) asksURLs() string {
	if slices.Contains(c.args, "introspect") {
		return "introspect"
	}
	return "http-verify"
}
