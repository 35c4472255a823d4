package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/cmd/internal/trust"
)

// maxConfig is the most bytes that a file of settings may have.
const maxConfig = 64 << 10

// load completes the settings that no flag gave, from variables and from the
// file of settings. Whatever is wrong is a usage error that names its place.
func (s *settings) load(all *pflag.FlagSet, configPath string, getenv func(string) string) error {
	file, tables, err := readConfig(configPath)
	if err != nil {
		return err
	}
	s.issuerTables = tables
	for key := range file {
		if f := all.Lookup(flagName(key)); f == nil || key != keyName(f.Name) {
			return usageError("%s: unknown key %q", configPath, key).hint("run rescind help for the settings; a key is written with underscores")
		}
	}
	all.VisitAll(func(f *pflag.Flag) {
		if err != nil {
			return
		}
		fromVariable, variable := getenv(variableName(f.Name)), variableName(f.Name)
		fromFile, inFile := file[keyName(f.Name)]
		switch {
		case f.Changed:
			s.origin[f.Name] = "--" + f.Name
		case fromVariable != "": // a variable that is set but empty counts as not set
			s.origin[f.Name] = variable
			if e := f.Value.Set(fromVariable); e != nil {
				err = usageError("%s: %w", variable, cause(e))
			}
		case inFile:
			s.origin[f.Name] = configPath + ": " + keyName(f.Name)
			if e := setFromFile(f, fromFile); e != nil {
				err = usageError("%s: %w", s.origin[f.Name], cause(e))
			}
		}
		if f.Value.String() == "" { // as a variable: --issuer "$ISSUER" names none where there is none
			delete(s.origin, f.Name)
		}
	})
	return err
}

func variableName(flag string) string {
	return "RESCIND_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func keyName(flag string) string { return strings.ReplaceAll(flag, "-", "_") }
func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// readConfig reads a TOML file of flat keys, and its tables of issuers. No path
// means no file.
func readConfig(path string) (map[string]any, []trust.Table, error) {
	if path == "" {
		return nil, nil, nil
	}
	data, err := readFile(path, maxConfig)
	if err != nil {
		return nil, nil, usageError("--config: %w", err)
	}
	keys := map[string]any{}
	if err := toml.Unmarshal(data, &keys); err != nil {
		return nil, nil, usageError("%s: %w", path, err)
	}
	tables, err := trust.Parse(data)
	if err != nil {
		return nil, nil, usageError("%s: %w", path, err).hint(tableHint)
	}
	delete(keys, trust.Key)
	return keys, tables, nil
}

// setFromFile gives a setting the value of its key. TOML has types; durations
// are strings there, so that 10 cannot mean seconds to one and hours to another.
func setFromFile(f *pflag.Flag, value any) error {
	switch v := value.(type) {
	case string:
		if f.Name == "redis" && hasPassword(v) {
			return errors.New("a URL with a password belongs in no file of settings: set RESCIND_REDIS_PASSWORD or RESCIND_REDIS_PASSWORD_FILE")
		}
		return f.Value.Set(v)
	case bool:
		if f.Value.Type() == "bool" {
			return f.Value.Set(fmt.Sprint(v))
		}
	case int64:
		if f.Value.Type() == "int" {
			return f.Value.Set(fmt.Sprint(v))
		}
	case []any:
		if list, ok := f.Value.(pflag.SliceValue); ok {
			return replaceList(list, v)
		}
	}
	return fmt.Errorf("a %s does not fit: want a %s", tomlType(value), wantedType(f))
}

func replaceList(list pflag.SliceValue, values []any) error {
	words := make([]string, 0, len(values))
	for _, v := range values {
		word, ok := v.(string)
		if !ok {
			return errors.New("want a list of strings")
		}
		words = append(words, word)
	}
	return list.Replace(words)
}

func tomlType(value any) string {
	switch value.(type) {
	case bool:
		return "boolean"
	case int64, float64:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "table"
	}
	return fmt.Sprintf("%T", value)
}

func wantedType(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "boolean"
	case "int":
		return "whole number"
	case "duration":
		return `string such as "10s"`
	}
	return "string"
}

// cause drops what strconv puts around its reason.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
