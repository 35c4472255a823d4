package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench/scenario"
)

const (
	// outageRate is what outage is measured with by default: in a closed loop an
	// outage would be one slow operation for each worker.
	outageRate = 500
	// outageCheckTimeout is that of rescind serve: what callers see in an outage
	// depends on it. Other commands are more patient.
	outageCheckTimeout = 50 * time.Millisecond
	// Slices show what happens when: as short as a person can tell them apart in
	// a picture, and not more of them than that.
	stageSlice, stageSlices = 100 * time.Millisecond, 250
)

// stageFlags are the arguments of the scenarios in which something happens.
type stageFlags struct {
	faults []scenario.Fault
	calm   time.Duration
	server string
	storm  int
}

func (s *stageFlags) declare(fs *pflag.FlagSet, usual scenario.Knobs) {
	fs.Var(faultsValue{&s.faults}, "fault", "")
	span(fs, &s.calm, "calm", usual.Calm)
	fs.StringVar(&s.server, "redis-server", "", "")
	positive(fs, &s.storm, "storm", usual.Storm)
}

// faultsValue is the script of an outage as a flag that may be repeated
// (pflag.Value).
type faultsValue struct{ to *[]scenario.Fault }

func (v faultsValue) Type() string { return "faults" }

func (v faultsValue) String() string {
	var texts []string
	for _, f := range *v.to {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, ",")
}

func (v faultsValue) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		f, err := scenario.ParseFault(part)
		if err != nil { // in the words of a flag
			return errors.New(strings.TrimPrefix(err.Error(), scenario.ErrKnob.Error()+": "))
		}
		*v.to = append(*v.to, f)
	}
	return nil
}

// ofStage are the flags of single scenarios, and whose they are.
func ofStage(flag string) (scenarios []string, ok bool) {
	switch flag {
	case "fault", "redis-server":
		return []string{"outage"}, true
	case "storm":
		return []string{"storm"}, true
	case "calm":
		return []string{"outage", "storm"}, true
	case "sizes":
		return []string{"cold-start", "cold-start-scan"}, true
	case "revocations":
		return []string{"fleet"}, true
	case "url", "token-file", "server-cpu":
		return []string{"http-verify", "introspect"}, true
	case "client":
		return []string{"introspect"}, true
	}
	return nil, false
}

// strange reports whether a flag is of scenarios that take no part.
func strange(flag string, scenarios []string) bool {
	of, ok := ofStage(flag)
	return ok && !slices.ContainsFunc(of, func(name string) bool { return slices.Contains(scenarios, name) })
}

// moreContenders is how many there are beside one for each scenario.
func moreContenders(scenarios []string) int {
	more := 0
	if slices.Contains(scenarios, "outage") {
		more += 2
	}
	if slices.Contains(scenarios, "storm") {
		more++
	}
	return more
}

// settleStage refuses what cannot happen in the time that there is, and fills in
// what follows from what happens.
func (f *benchFlags) settleStage(scenarios []string) (err error) {
	f.set.Visit(func(flag *pflag.Flag) {
		if strange(flag.Name, scenarios) && err == nil {
			of, _ := ofStage(flag.Name)
			err = usageError("--%s is of the scenario %s, which takes no part", flag.Name, strings.Join(of, " or "))
		}
	})
	if err != nil {
		return err
	}
	outage, storm := slices.Contains(scenarios, "outage"), slices.Contains(scenarios, "storm")
	if outage {
		err = f.settleOutage()
	}
	if storm && f.duration <= f.stage.calm && err == nil {
		err = usageError("a storm after a calm of %s, in a duration of %s", formatDuration(f.stage.calm), formatDuration(f.duration)).
			hint("take a longer --duration, or a shorter --calm")
	}
	if (outage || storm) && f.slice == 0 {
		// As the engine, which takes no more of them than a file may have.
		f.slice = max(stageSlice, (f.duration / stageSlices).Round(10*time.Millisecond))
	}
	return err
}

func (f *benchFlags) settleOutage() error {
	if len(f.stage.faults) == 0 {
		f.stage.faults = scenario.Defaults().Outage.Faults
	}
	if !f.set.Changed("rate") {
		f.rate = outageRate
	}
	script := scenario.OutageKnobs{Faults: f.stage.faults}.Script(f.stage.calm)
	if !f.set.Changed("duration") {
		f.duration = script
		f.warmup = min(f.warmup, script)
	}
	if f.duration < script {
		return usageError("the faults with a calm before and after each take %s, longer than --duration %s",
			formatDuration(script), formatDuration(f.duration)).
			hint("leave --duration out, and it is as long as they take; or take shorter ones: --fault hung=1s --calm 1s")
	}
	return nil
}

// settleServers keeps a run that breaks Redis servers from the one that is named.
func (c *call) settleServers(f *benchFlags) error {
	if !slices.Contains(c.args, "outage") {
		return nil
	}
	if c.redis != "" && f.set.Changed("redis") {
		return usageError("outage breaks servers of its own, and does not touch --redis").
			hint("leave it out: outage starts redis-server by itself, or what --redis-server names")
	}
	if c.redis != "" && !c.json {
		c.say("outage breaks servers of its own: the Redis that RESCIND_REDIS or the settings name is not touched")
	}
	c.redis = ""
	if !c.set("check-timeout") {
		c.checkTimeout = outageCheckTimeout
	}
	if f.stage.server == "" {
		f.stage.server = c.getenv("REDIS_SERVER")
	}
	return nil
}

// worstFirst puts what happened before what the engine has to say of its
// figures, but behind wrong answers, which come first of all.
func worstFirst(happened, engine []string) []string {
	wrong := 0
	for wrong < len(engine) && strings.HasPrefix(engine[wrong], "WRONG ANSWERS") {
		wrong++
	}
	return slices.Concat(engine[:wrong], happened, engine[wrong:])
}
