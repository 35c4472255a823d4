package main

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
)

// header says what is measured here, and how to do it again.
func (m *measurement) header(ctx context.Context, stand *scenario.Stand) (bench.Header, error) {
	overhead, err := bench.MeasureOverhead(ctx)
	if err != nil {
		return bench.Header{}, err
	}
	described := stand.Descriptions()
	if m.flags.baseline != "" {
		described = withoutOwn(described)
	}
	baseline, err := m.flags.baselineOf(described)
	if err != nil {
		return bench.Header{}, err
	}
	environment := bench.CurrentEnvironment()
	environment.Redis = stand.Redis()
	return bench.Header{
		Schema:      bench.Schema,
		Time:        time.Now().UTC().Truncate(time.Millisecond),
		Command:     m.c.repeatable(m.flags),
		Environment: environment,
		Settings:    m.c.shaping(m.flags, environment.Redis != nil),
		Scenarios:   described,
		Baseline:    baseline,
		Open:        m.flags.rate > 0,
		Seed:        m.flags.seed,
		Overhead:    overhead,
	}, nil
}

// baselineOf is what ratios are over: naive, the code that people write today,
// where it takes part. One contender alone has none.
func (f *benchFlags) baselineOf(described []bench.Description) (string, error) {
	var names []string
	for _, d := range described {
		names = append(names, d.Name)
	}
	switch {
	case f.baseline != "" && !slices.Contains(names, f.baseline):
		return "", usageError("--baseline %q takes no part", f.baseline).hint("want one of: %s", strings.Join(names, ", "))
	case f.baseline != "":
		return f.baseline, nil
	case len(names) < 2, strings.HasPrefix(names[0], "outage/"): // which are not held against each other
		return "", nil
	case slices.Contains(names, "naive"):
		return "naive", nil
	case ownBaseline(described) != "":
		return ownBaseline(described), nil
	}
	return names[0], nil
}

// shownRedis is the URL of Redis without what may be secret in it.
func (c *call) shownRedis() string {
	clean, _, err := splitPassword(c.redis)
	if err != nil {
		return ""
	}
	u, err := url.Parse(clean)
	if err != nil {
		return ""
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// repeatable is the command line that does the same again, with what variables
// and the file of settings said as flags. A password stays in its variable.
func (c *call) repeatable(f *benchFlags) string {
	words := append([]string{"rescind", "bench", "run"}, c.args...)
	add := func(name, value string) { words = append(words, "--"+name, value) }
	f.set.VisitAll(func(flag *pflag.Flag) {
		switch name, value := flag.Name, flagValue(flag); {
		case slices.Contains(unrepeated, name), isSetting(name) && !c.set(name), name == "redis" && c.redis == "", !isSetting(name) && !flag.Changed:
		case name == "redis":
			add(name, c.shownRedis())
		case name == "url":
			for _, u := range f.shownURLs() {
				add(name, u)
			}
		case name == "server-cpu":
			for _, of := range f.serverCPU {
				add(name, of)
			}
		case flag.Value.Type() == "bool": // a word behind it would be a scenario
			words = append(words, "--"+name+"="+value)
		default:
			add(name, value)
		}
	})
	add("seed", strconv.FormatUint(f.seed, 10))
	for i, word := range words {
		words[i] = shellWord(word)
	}
	return strings.Join(words, " ")
}

// unrepeated are the flags that say where a result goes, or that are in a
// repeated command in another way.
var unrepeated = []string{"config", "json", "out", "seed"}

func isSetting(name string) bool { return slices.Contains(strings.Fields(benchSettings), name) }

// shaping are the settings that shape a result, defaults too, as far as the
// scenarios use them.
func (c *call) shaping(f *benchFlags, redis bool) map[string]string {
	var used []string
	if redis {
		used = append(used, "redis", "prefix", "partitions", "skew-margin", "check-timeout")
	}
	if f.urls != nil && f.tokenFile == "" {
		used = append(used, "keys", "issuer", "audience")
	}
	settings := map[string]string{}
	f.set.VisitAll(func(flag *pflag.Flag) {
		switch name, value := flag.Name, flagValue(flag); {
		case slices.Contains(unrepeated, name), isSetting(name) && !slices.Contains(used, name), value == "", name == "redis-server", strange(name, c.args):
		case name == "redis":
			settings[name] = c.shownRedis()
		case name == "url":
			settings[name] = strings.Join(f.shownURLs(), " ")
		default:
			settings[name] = value
		}
	})
	return settings
}

// shownURLs are the URLs without their queries, which may hold what is nobody's
// business.
func (f *benchFlags) shownURLs() []string {
	var shown []string
	for _, raw := range f.urls {
		bare, _, _ := strings.Cut(raw, "?")
		shown = append(shown, bare)
	}
	return shown
}

// flagValue is a flag's value as it is typed: pflag shows lists in brackets.
func flagValue(flag *pflag.Flag) string {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return flag.Value.String()
}

// shellWord quotes a word only where a shell would not take it as it is.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,%@+", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return quoteShell(word)
}
