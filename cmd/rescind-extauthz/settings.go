package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/cmd/internal/duration"
	"github.com/rescindhq/rescind/cmd/internal/trust"
)

// maxConfig is the most bytes that a file of settings may have.
const maxConfig = 64 << 10

// settings are those of rescind, by the same names and with the same defaults,
// and the address of this program.
type settings struct {
	addr            string
	tlsCert, tlsKey string

	redis, prefix, password string
	partitions              int
	skipInspection          bool
	check                   string
	maxStaleness            time.Duration
	checkTimeout            time.Duration
	skewMargin              time.Duration

	issuer             string
	audience           []string
	keys               string
	leeway             time.Duration
	maxAccessLifetime  time.Duration
	maxRefreshLifetime time.Duration

	tables             []trust.Table
	forwardAuthIssuers []string
}

func (s *settings) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("rescind-extauthz", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.StringVar(&s.addr, "extauthz-addr", "127.0.0.1:9191", "address that Envoy asks")
	fs.StringVar(&s.tlsCert, "tls-cert", "", "PEM file; read at start")
	fs.StringVar(&s.tlsKey, "tls-key", "", "PEM file; read at start")
	fs.StringVar(&s.redis, "redis", "", "URL of the denylist; required")
	fs.StringVar(&s.prefix, "prefix", "rescind", "of every key in Redis")
	fs.IntVar(&s.partitions, "partitions", 1, "1 or 16")
	fs.BoolVar(&s.skipInspection, "insecure-skip-inspection", false, "vouch for a Redis without INFO")
	fs.StringVar(&s.check, "check", "strict", "strict, confirmed or mirror")
	span := func(to *time.Duration, name string, preset time.Duration, positive bool, usage string) {
		*to = preset
		fs.Var(duration.Value{To: to, Positive: positive}, name, usage)
	}
	span(&s.maxStaleness, "max-staleness", time.Second, true, "of mirrors; the whole fleet's")
	span(&s.checkTimeout, "check-timeout", 50*time.Millisecond, true, "of a check")
	span(&s.skewMargin, "skew-margin", time.Minute, true, "between clocks; the whole fleet's")
	fs.StringVar(&s.issuer, "issuer", "", "our own: the iss of its tokens; required")
	fs.StringSliceVar(&s.audience, "audience", []string{"rescind"}, "of its tokens")
	fs.StringVar(&s.keys, "keys", "", "a file of its public keys; none, or a directory: the issuer is asked")
	span(&s.leeway, "leeway", 30*time.Second, false, "at most 2m")
	span(&s.maxAccessLifetime, "max-access-lifetime", duration.Day, true, "of its access tokens")
	span(&s.maxRefreshLifetime, "max-refresh-lifetime", 90*duration.Day, true, "of its refresh tokens")
	fs.StringSliceVar(&s.forwardAuthIssuers, "forward-auth-issuers", nil, "others, of [[issuers]] tables")
	fs.String("config", "", "file of settings (TOML), which may be rescind's")
	return fs
}

// readSettings reads flags, then variables, then the file. Keys of the file that
// mean something to rescind only are left alone.
func readSettings(args []string, getenv func(string) string) (*settings, error) {
	s := new(settings)
	fs := s.flags()
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 { // such as the false of --insecure-skip-inspection false
		return nil, fmt.Errorf("unexpected %.40q: this program takes flags only", fs.Arg(0))
	}
	file := map[string]any{}
	if path := cmp.Or(fs.Lookup("config").Value.String(), getenv("RESCIND_CONFIG")); path != "" {
		var err error
		if file, s.tables, err = readConfig(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var trouble error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || trouble != nil {
			return
		}
		key := strings.ReplaceAll(f.Name, "-", "_")
		value, known := getenv("RESCIND_"+strings.ToUpper(key)), true
		if value == "" {
			value, known = text(file[key])
		}
		switch {
		case !known:
			trouble = fmt.Errorf("%s: a %T does not fit", key, file[key])
		case value != "":
			if err := f.Value.Set(value); err != nil {
				trouble = fmt.Errorf("%s: %w", key, err)
			}
		}
	})
	if trouble != nil {
		return nil, trouble
	}
	return s, s.complete(getenv)
}

// complete reads the password and refuses what cannot be served.
func (s *settings) complete(getenv func(string) string) (err error) {
	if s.password, err = password(getenv); err != nil {
		return err
	}
	switch {
	case s.redis == "" || s.issuer == "":
		return errors.New("missing redis or issuer: as a flag, a variable (RESCIND_REDIS) or a key of the --config file")
	case s.check != "strict" && s.check != "confirmed" && s.check != "mirror":
		return fmt.Errorf("check %q: want strict, confirmed or mirror", s.check)
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return errors.New("want both tls-cert and tls-key, or none")
	}
	return nil
}

func readConfig(path string) (map[string]any, []trust.Table, error) {
	data, err := readFile(path, maxConfig)
	if err != nil {
		return nil, nil, err
	}
	keys := map[string]any{}
	if err := toml.Unmarshal(data, &keys); err != nil {
		return nil, nil, err
	}
	tables, err := trust.Parse(data)
	return keys, tables, err
}

// text is a TOML value as a flag would have it. An absent one is empty.
func text(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, int64:
		return fmt.Sprint(v), true
	case []any:
		words := make([]string, 0, len(v))
		for _, one := range v {
			word, ok := one.(string)
			if !ok || strings.ContainsAny(word, ",\"\n") {
				return "", false
			}
			words = append(words, word)
		}
		return strings.Join(words, ","), true
	}
	return "", false
}

// password reads RESCIND_REDIS_PASSWORD, or the file of that name and _FILE. It
// has no flag and no key: those are seen by others (R19).
func password(getenv func(string) string) (string, error) {
	const name = "RESCIND_REDIS_PASSWORD"
	value, path := getenv(name), getenv(name+"_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set", name, name)
	}
	data, err := readFile(path, 4<<10)
	return strings.TrimRight(string(data), "\r\n"), err
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, err
}
