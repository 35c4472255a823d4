package main

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// usageText is written by hand; a test compares it with what there is.
//
//go:embed usage.txt
var usageText string

// helpFor is what the usage text has of the command, or the group of commands,
// that the arguments name, and of the settings that it takes. Where they name
// none it is all, and of bench too, whose flags have tables of their own.
func helpFor(args []string) string {
	named := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "help" || strings.HasPrefix(arg, "-") })
	if len(named) == 0 || named[0] == "bench" {
		return usageText
	}
	var about, settings []string
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, cmd := range commands() {
		first, second, _ := strings.Cut(cmd.name, " ")
		if first != named[0] || second != "" && len(named) > 1 && second != named[1] {
			continue
		}
		about = append(about, "rescind "+cmd.name)
		for name := range strings.FieldsSeq(cmd.settings) {
			settings = append(settings, "--"+name)
		}
		own := pflag.NewFlagSet("", pflag.ContinueOnError)
		cmd.prepare(own)
		flags.AddFlagSet(own)
	}
	if about == nil {
		return usageText
	}
	if flags.Lookup("jti") != nil {
		about = append(about, "--jti")
	}
	text := "Usage:\n\n" + usageAbout("\nUsage:", about)
	if flags.Lookup("token-file") != nil {
		text += "\nA token is read from standard input, or from the file that --token-file names.\n"
	}
	if settings != nil {
		text += "\nSettings, as flags, variables (RESCIND_REDIS) or keys of the --config file:\n\n" + usageAbout("\nSettings,", settings)
	}
	if slices.Contains(settings, "--redis") {
		text += "\nSecrets have no flag: RESCIND_REDIS_PASSWORD, RESCIND_ADMIN_TOKEN, or ..._FILE.\n"
	}
	return text + "\nAll commands and settings, examples and exit codes: rescind help\n"
}

// usageAbout are those entries of a section of the usage text that are about
// some commands or settings. An entry is indented by four, and what continues
// it by more.
func usageAbout(section string, about []string) string {
	_, rest, _ := strings.Cut(usageText, section)
	_, rest, _ = strings.Cut(rest, "\n    ")
	text, wanted := "", false
	for line := range strings.Lines("    " + rest) {
		entry, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case !indented:
			return text
		case !strings.HasPrefix(entry, " "):
			entry = strings.Join(strings.Fields(entry), " ") + " "
			wanted = slices.ContainsFunc(about, func(name string) bool { return strings.HasPrefix(entry, name+" ") })
		}
		if wanted {
			text += line
		}
	}
	return text
}
