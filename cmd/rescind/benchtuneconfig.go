package main

import (
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
)

// defaultCheckTimeout is that of rescind serve.
const defaultCheckTimeout = 50 * time.Millisecond

// settingChange is one setting that the answer has other than its default.
type settingChange struct{ name, value, usual string }

// changes are the settings to change, in the order of the dials, then a mirror's
// wakes, and at last the time of a check where the default would cut healthy
// answers off.
func (t *tuning) changes() []settingChange {
	var all []settingChange
	o := t.outcome
	for i, d := range o.Dials {
		if o.Best[i] != d.Default {
			all = append(all, settingChange{d.Name, d.Values[o.Best[i]], d.Values[d.Default]})
		}
	}
	if t.settings.MirrorWakes > 0 {
		all = append(all, settingChange{scenario.WakesName, strconv.Itoa(t.settings.MirrorWakes), usualWakes})
	}
	if t.needs() {
		all = append(all, settingChange{"check-timeout", formatDuration(t.tail.raise), formatDuration(defaultCheckTimeout)})
	}
	return all
}

// unchanged names the settings that stay at their defaults, with these.
func (t *tuning) unchanged() string {
	var all []string
	changes := t.changes()
	add := func(name, value string) {
		if !slices.ContainsFunc(changes, func(c settingChange) bool { return c.name == name }) {
			all = append(all, name+" "+value)
		}
	}
	for _, d := range t.outcome.Dials {
		add(d.Name, d.Values[d.Default])
	}
	if t.settings.Mirror { // without one it is refused
		add(scenario.WakesName, usualWakes)
	}
	add("check-timeout", formatDuration(defaultCheckTimeout))
	return strings.Join(all, ", ")
}

// config is what a file of settings is to have, as rescind serve --config reads
// it.
func (t *tuning) config() string {
	var b strings.Builder
	b.WriteString(comment(fmt.Sprintf("rescind bench tune, for %s: %s callers, %d cores, Redis %s",
		t.flags.aim, grouped(int64(t.flags.callers)), runtime.GOMAXPROCS(0), orDash(t.about["version"]))))
	for _, cost := range t.outcome.Dials.Costs(t.outcome.Best) {
		b.WriteString(comment("costs a guarantee: " + cost))
	}
	if needs := t.needed(); needs != "" {
		b.WriteString(comment("takes " + needs))
	}
	for _, c := range t.changes() {
		value := strconv.Quote(c.value)
		if _, err := strconv.Atoi(c.value); err == nil {
			value = c.value
		}
		if c.name == scenario.DialPool {
			fmt.Fprintf(&b, "redis = %s # its pool_size was %s\n", strconv.Quote(t.redisWithPool(c.value)), c.usual)
			continue
		}
		fmt.Fprintf(&b, "%s = %s # default %s\n", keyName(c.name), value, c.usual)
	}
	b.WriteString(comment("at their defaults: " + t.unchanged()))
	return b.String()
}

// needed is what an answer takes that no figure of a search shows; empty: nothing.
func (t *tuning) needed() string {
	if !t.settings.Mirror {
		return ""
	}
	needs := "memory: each server has a copy of the denylist, some 30 bytes for each entry"
	if t.settings.Confirmed {
		needs += "; and of Redis the right to XRANGE, without which each check asks for its keys"
	}
	return needs
}

// comment is one of a file of settings, in lines that are shown indented.
func comment(text string) string {
	const room = lineWidth - len("    # ")
	return "# " + strings.ReplaceAll(foldedAt(text, room), "\n", "\n# ") + "\n"
}

// redisWithPool is the URL of Redis without what is secret in it.
func (t *tuning) redisWithPool(size string) string {
	u, err := url.Parse(t.c.shownRedis())
	if err != nil {
		return ""
	}
	query := u.Query()
	query.Set("pool_size", size)
	u.RawQuery = query.Encode()
	return u.String()
}

// goOptions are the same for those who use the library; none where nothing is
// to change.
func (t *tuning) goOptions() []string {
	of := map[string][]string{}
	for _, c := range t.changes() {
		switch c.name {
		case scenario.DialFlights:
			of["denylist.RedisOptions"] = append(of["denylist.RedisOptions"], "CheckFlights: "+c.value)
		case scenario.DialWindow:
			of["denylist.RedisOptions"] = append(of["denylist.RedisOptions"], "CheckWindow: "+goDuration(t.settings.CheckWindow))
		case scenario.DialBatch:
			of["denylist.RedisOptions"] = append(of["denylist.RedisOptions"], "CheckBatch: "+c.value)
		case "check-timeout":
			of["denylist.RedisOptions"] = append(of["denylist.RedisOptions"], "CheckTimeout: "+goDuration(t.tail.raise))
		case scenario.DialCheck:
			of["denylist.MirrorOptions"] = []string{} // as it is
			if t.settings.Confirmed {
				of["denylist.MirrorOptions"] = []string{"Confirmed: true"}
			}
		case scenario.WakesName:
			of["denylist.MirrorOptions"] = append(of["denylist.MirrorOptions"], "Wakes: "+c.value)
		case scenario.DialCache:
			of["verifier.Options"] = append(of["verifier.Options"], "CacheEntries: "+c.value)
		}
	}
	var lines []string
	for _, name := range []string{"denylist.RedisOptions", "denylist.MirrorOptions", "verifier.Options"} {
		if fields, ok := of[name]; ok {
			line := name + "{" + strings.Join(fields, ", ") + "}"
			if name == "denylist.MirrorOptions" {
				line += " // of the denylist.NewMirror that the verifier is to ask"
			}
			lines = append(lines, line)
		}
	}
	if pool := t.settings.PoolSize; pool > 0 {
		lines = append(lines, fmt.Sprintf("redis.Options{PoolSize: %d} // or pool_size in the URL of denylist.OpenURL", pool))
	}
	return lines
}

// goDuration is a duration as Go writes one.
func goDuration(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Second, "time.Second"}, {time.Millisecond, "time.Millisecond"}, {time.Microsecond, "time.Microsecond"}} {
		if d%unit.of == 0 {
			return fmt.Sprintf("%d * %s", d/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%d", d)
}

// promise is the guarantee of a point, in the words of results.
func (t *tuning) promise(p tune.Point) string {
	if t.outcome.Dials.Costs(p) != nil {
		return "bounded: denied at most max-staleness after the revocation was acknowledged, proven"
	}
	return "strict: denied by every check that begins after the revocation was acknowledged"
}
