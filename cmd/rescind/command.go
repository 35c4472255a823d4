package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// command is one command of the program.
type command struct {
	name       string   // "keys new"
	positional []string // the names of its positional arguments, all required; "FILE..." is one or more
	settings   string   // the settings that it takes, by name
	// prepare declares the command's own flags and returns what it does.
	prepare func(fs *pflag.FlagSet) action
}

type action func(ctx context.Context, c *call) error

// call is one command with its arguments.
type call struct {
	streams
	settings
	run    action
	args   []string // one for each positional argument; more for one that takes more
	json   bool
	getenv func(string) string
}

// prepare finds the command that the arguments name, and reads its settings.
func prepare(args []string, std streams, getenv func(string) string) (*call, error) {
	if err := refuseSecrets(args); err != nil {
		return nil, err
	}
	cmd, rest, err := findCommand(args)
	if err != nil {
		return nil, err
	}
	return cmd.call(rest, std, getenv)
}

// call reads what follows the command's name.
func (cmd command) call(rest []string, std streams, getenv func(string) string) (*call, error) {
	c := &call{streams: std, getenv: getenv}
	all := c.settings.flags()
	fs := pflag.NewFlagSet(cmd.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	for _, name := range strings.Fields(cmd.settings) {
		fs.AddFlag(all.Lookup(name))
	}
	config := fs.String("config", "", "")
	fs.BoolVar(&c.json, "json", false, "")
	c.run = cmd.prepare(fs)
	if err := fs.Parse(rest); err != nil {
		return nil, flagError(cmd, err)
	}
	var err error
	if c.args, err = cmd.arguments(fs); err != nil {
		return nil, err
	}
	if *config == "" {
		*config = getenv("RESCIND_CONFIG")
	}
	if cmd.settings == "" {
		return c, nil
	}
	if err := c.load(all, *config, getenv); err != nil {
		return nil, err
	}
	if cmd.name != "serve" && !c.set("check-timeout") {
		c.checkTimeout = patience
	}
	return c, nil
}

// findCommand returns the command that the first one or two arguments name,
// and the arguments behind it.
func findCommand(args []string) (command, []string, error) {
	if len(args) == 0 {
		return command{}, nil, usageError("no command").hint("run rescind help, or rescind demo to see it work")
	}
	if strings.HasPrefix(args[0], "-") {
		return command{}, nil, usageError("the command comes before its flags").hint("rescind COMMAND [flags]; run rescind help")
	}
	var group []string
	for _, cmd := range commands() {
		first, second, two := strings.Cut(cmd.name, " ")
		switch {
		case first != args[0]:
			continue
		case !two:
			return cmd, args[1:], nil
		case len(args) > 1 && second == args[1]:
			return cmd, args[2:], nil
		}
		group = append(group, second)
	}
	if group != nil {
		return command{}, nil, usageError("rescind %s: which command?", args[0]).hint("want one of: %s", strings.Join(group, ", "))
	}
	return command{}, nil, usageError("unknown command %q", args[0]).hint("run rescind help for the commands")
}

// arguments checks the number of positional arguments.
func (cmd command) arguments(fs *pflag.FlagSet) ([]string, error) {
	args := fs.Args()
	if len(args) < len(cmd.positional) {
		return nil, usageError("%s: no %s", cmd.name, strings.TrimSuffix(cmd.positional[len(args)], "...")).
			hint("rescind %s %s [flags]", cmd.name, strings.Join(cmd.positional, " "))
	}
	more := len(cmd.positional) > 0 && strings.HasSuffix(cmd.positional[len(cmd.positional)-1], "...")
	if len(args) > len(cmd.positional) && !more {
		f := usageError("%s: unexpected argument %q", cmd.name, args[len(cmd.positional)]).
			hint("run rescind %s --help for what it takes", cmd.name)
		if fs.Lookup("token-file") != nil {
			f.hint("a file with a token is named with --token-file")
		}
		return nil, f
	}
	return args, nil
}

// flagError words pflag's errors as the rest of ours.
func flagError(cmd command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		f := usageError("%s: unknown flag %s%s", cmd.name, dashes, unknown.GetSpecifiedName()).
			hint("run rescind %s --help for what it takes", cmd.name)
		if cmd.positional != nil {
			f.hint("what begins with - but is no flag goes last, behind --: rescind %s [flags] -- %s", cmd.name, strings.Join(cmd.positional, " "))
		}
		return f
	case errors.As(err, &invalid):
		return usageError("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), cause(invalid.Unwrap()))
	case errors.As(err, &missing):
		return usageError("--%s: no value", missing.GetSpecifiedName())
	}
	return usageError("%s: %w", cmd.name, err)
}

// need refuses a call without a setting that the command cannot do without.
func (c *call) need(names ...string) error {
	var missing []string
	for _, name := range names {
		if !c.set(name) {
			missing = append(missing, "--"+name)
		}
	}
	if missing == nil {
		return nil
	}
	return usageError("missing %s", strings.Join(missing, " and ")).
		hint("as a flag, a variable (%s) or a key of the --config file", variableName(strings.TrimPrefix(missing[0], "--")))
}

// say tells a person what happened; scripts read stdout and the exit code.
func (c *call) say(format string, args ...any) {
	fmt.Fprintf(c.stderr, format+"\n", args...)
}
