package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// openRing opens the key ring in --keys.
func (c *call) openRing() (*rotation.KeyRing, error) {
	if err := c.need("keys"); err != nil {
		return nil, err
	}
	ring, err := rotation.OpenKeyRing(c.keys, rotation.KeyRingOptions{TokenLife: c.longestLifetime()})
	if err != nil {
		return nil, usageError("opening the keys in %s: %w", c.keys, err)
	}
	return ring, nil
}

// openKeys is openRing for commands that need at least one key.
func (c *call) openKeys() (*rotation.KeyRing, error) {
	ring, err := c.openRing()
	if err == nil && len(ring.List()) == 0 {
		return nil, usageError("%s has no keys", c.keys).hint("make one with: rescind keys new --keys %s", c.keys)
	}
	return ring, err
}

func keysNew(fs *pflag.FlagSet) action {
	alg := fs.String("alg", "ES256", "")
	return func(_ context.Context, c *call) error {
		chosen, err := parseAlgorithm(*alg)
		if err != nil {
			return err
		}
		ring, err := c.openRing()
		if err != nil {
			return err
		}
		info, err := ring.Generate(chosen)
		if err != nil {
			return refused("making a key: %w", err)
		}
		if info.State == rotation.Waiting {
			c.say("the key waits: let verifiers fetch it, then run rescind keys rotate")
		}
		return c.printKeys(info)
	}
}

func keysList(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		ring, err := c.openRing()
		if err != nil {
			return err
		}
		return c.printKeys(ring.List()...)
	}
}

func keysRotate(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		ring, err := c.openKeys()
		if err != nil {
			return err
		}
		info, err := ring.Rotate()
		if err != nil {
			return refused("rotating: %w", err)
		}
		return c.printKeys(info)
	}
}

func keysRetire(fs *pflag.FlagSet) action {
	force := fs.Bool("force", false, "")
	now := fs.Bool("now", false, "")
	return func(_ context.Context, c *call) error {
		ring, err := c.openKeys()
		if err != nil {
			return err
		}
		if *now {
			return c.withdraw(ring)
		}
		if err := ring.Retire(c.args[0], *force); err != nil {
			return refused("%w", err).hint("rescind keys list shows what each key does; --now withdraws one that leaked, --force removes one that tokens still need; both end its tokens")
		}
		c.say("retired %s", c.args[0])
		return nil
	}
}

// withdraw is for a key that leaked: at once, and clients are told why.
func (c *call) withdraw(ring *rotation.KeyRing) error {
	if _, err := ring.Withdraw(c.args[0]); err != nil {
		return refused("%w", err).hint("rescind keys list shows the keys that there are")
	}
	c.say("withdrew %s: servers on this directory deny its tokens within seconds, others when they fetch the key set again", c.args[0])
	return nil
}

func keysJWKS(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		ring, err := c.openKeys()
		if err != nil {
			return err
		}
		set, err := ring.JWKS()
		if err != nil {
			return refused("writing the key set: %w", err)
		}
		_, err = c.stdout.Write(append(set, '\n'))
		return err
	}
}

// keyRow is a key as --json shows it.
type keyRow struct {
	ID            string             `json:"kid"`
	Algorithm     verifier.Algorithm `json:"alg"`
	State         rotation.KeyState  `json:"state"`
	CreatedAt     string             `json:"created_at"`
	SignsSince    string             `json:"signs_since,omitempty"`
	VerifiesUntil string             `json:"verifies_until,omitempty"`
	WithdrawnAt   string             `json:"withdrawn_at,omitempty"`
}

func (c *call) printKeys(infos ...rotation.KeyInfo) error {
	keys := []keyRow{}
	rows := [][]string{}
	for _, k := range infos {
		row := keyRow{k.ID, k.Algorithm, k.State, instant(k.CreatedAt), instant(k.SignsSince), instant(k.VerifiesUntil), instant(k.WithdrawnAt)}
		keys = append(keys, row)
		rows = append(rows, []string{row.ID, string(row.Algorithm), string(row.State), row.CreatedAt, row.SignsSince, row.VerifiesUntil})
	}
	if c.json {
		return c.printJSON(map[string]any{"keys": keys})
	}
	return c.printTable([]string{"KID", "ALG", "STATE", "CREATED", "SIGNS SINCE", "VERIFIES UNTIL"}, rows)
}

func parseAlgorithm(name string) (verifier.Algorithm, error) {
	var names []string
	for _, alg := range verifier.Algorithms() {
		if string(alg) == name {
			return alg, nil
		}
		names = append(names, string(alg))
	}
	return "", usageError("--alg %q: want one of %s", name, strings.Join(names, ", "))
}
