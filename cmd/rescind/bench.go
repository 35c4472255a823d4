package main

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// benchList shows what can be measured.
func benchList(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		if c.json {
			rows := []scenarioRow{}
			for _, s := range scenario.List() {
				rows = append(rows, scenarioRow{s.Name, append([]string{}, s.Needs...), s.Means, s.Guarantees})
			}
			return c.printJSON(map[string]any{"scenarios": rows})
		}
		rows := [][]string{}
		for _, s := range scenario.List() {
			var words []string
			for _, text := range s.Guarantees {
				word, _, _ := strings.Cut(text, ":")
				words = append(words, word)
			}
			rows = append(rows, []string{s.Name, strings.Join(s.Needs, ", "), strings.Join(words, ", "), s.Means})
		}
		return c.printTable([]string{"SCENARIO", "NEEDS", "GUARANTEE", "STANDS FOR"}, rows)
	}
}

// scenarioRow is a scenario as --json shows it.
type scenarioRow struct {
	Name  string   `json:"name"`
	Needs []string `json:"needs"`
	Means string   `json:"means"`
	// Guarantees are those of its contenders, as a bench.Description has them.
	Guarantees []string `json:"guarantees,omitempty"`
}

// benchTrouble says what to do about an error of the harness.
func benchTrouble(err error) error {
	wrong := &failure{code: exitUsage, err: err}
	switch {
	case errors.As(err, new(*failure)):
		return err
	case errors.Is(err, scenario.ErrUnknown):
		return wrong.hint("rescind bench list shows what there is")
	case errors.Is(err, scenario.ErrServer):
		return wrong.hint("install redis-server or valkey-server, or name one: --redis-server PATH, or REDIS_SERVER; its data is put in TMPDIR")
	case errors.Is(err, scenario.ErrMissing):
		return wrong.hint("rescind bench list shows what each scenario needs: a Redis is named by --redis, a server by --url")
	case errors.Is(err, scenario.ErrKnob), errors.Is(err, bench.ErrPlan):
		return wrong.hint("run rescind help for the flags, or see docs/bench.md")
	case errors.Is(err, bench.ErrSchema):
		return wrong.hint("this version reads the files of rescind bench run --out with the schema %s", bench.Schema)
	case errors.Is(err, bench.ErrCutOff):
		return wrong.hint("its end is missing: the run was killed, goes on still, or the file was not copied whole")
	case errors.Is(err, bench.ErrMalformed):
		return wrong.hint("rescind bench run --out writes such files; this one was changed, or is another")
	case errors.Is(err, bench.ErrDifferent):
		return wrong.hint("both have to be runs of one command on one machine: rescind bench report shows them side by side")
	case errors.Is(err, scenario.ErrClient):
		return wrong.hint("is --client the id, and %s the key, that rescind clients add printed? and does the URL introspect?", clientSecretVariable)
	case errors.Is(err, scenario.ErrRefused) && !refusesTokens(err):
		return wrong.hint("is it the path that checks tokens? that of rescind serve is /v1/verify; of introspect, /oauth/introspect")
	case errors.Is(err, scenario.ErrRefused):
		return wrong.hint("the tokens have to be alive, and good at that URL: --token-file, or --keys, --issuer and --audience")
	case errors.Is(err, scenario.ErrUnreachable):
		return (&failure{code: exitCannotTell, err: err}).hint("is the server up, and does that URL answer requests with a bearer token?")
	case errors.Is(err, bench.ErrShare):
		return (&failure{code: exitCannotTell, err: err}).hint("%s", shareHint(err))
	case errors.Is(err, bench.ErrInterrupted), errors.Is(err, context.Canceled):
		return interruptedEarly(err)
	case errors.Is(err, denylist.ErrUnfit), errors.Is(err, denylist.ErrUnavailable), errors.As(err, new(net.Error)):
		return redisTrouble(err)
	case exitCode(err) == exitUsage, errors.Is(err, os.ErrNotExist):
		return wrong
	}
	return err
}

// shareHint is what to do about what does not fit.
func shareHint(err error) string {
	var over *bench.ShareError
	if errors.As(err, &over) && over.Rate == 0 {
		return "give it fewer mirrors (--concurrency) or a larger --max-share; what smaller numbers of mirrors cost was measured"
	}
	return "give it a lower --rate or a larger --max-share; without --rate a closed loop does what fits"
}

// interruptedEarly is of a run that was still being set up: with the keys that
// it could not remove, if there are any.
func interruptedEarly(err error) error {
	told := cannotTell("interrupted before anything was measured")
	var left *scenario.LeftError
	if errors.As(err, &left) {
		return cleaned(told, left, left.Prefix)
	}
	return told
}

// refusesTokens tells a server that refuses tokens from one that knows nothing
// of them.
func refusesTokens(err error) bool {
	var answer bench.Classed
	return errors.As(err, &answer) && slices.Contains([]string{"http_401", "http_403", "inactive"}, answer.Class())
}
