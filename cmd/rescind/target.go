package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
)

// target is what --jti, --sid, --sub and --issuer-wide name.
type target struct {
	jti, sid, sub string
	issuerWide    bool
}

func (t *target) flags(fs *pflag.FlagSet) {
	fs.Var(idValue{&t.jti}, "jti", "")
	fs.Var(idValue{&t.sid}, "sid", "")
	fs.Var(idValue{&t.sub}, "sub", "")
	fs.BoolVar(&t.issuerWide, "issuer-wide", false, "")
}

// idValue is an id as a flag (pflag.Value). It refuses an empty one: where a
// script's variable is not set, --sub "$USER" must not come to mean less, or
// something else, than it says.
type idValue struct{ to *string }

func (v idValue) Type() string   { return "id" }
func (v idValue) String() string { return *v.to }

func (v idValue) Set(text string) error {
	if text == "" {
		return errors.New("an id is not empty")
	}
	*v.to = text
	return nil
}

// named is one entry's name.
type named struct {
	scope denylist.Scope
	id    string
}

// names lists what was named, from the narrowest to the widest.
func (t *target) names() []named {
	var out []named
	for _, n := range []named{{denylist.ScopeToken, t.jti}, {denylist.ScopeSession, t.sid}, {denylist.ScopeSubject, t.sub}} {
		if n.id != "" {
			out = append(out, n)
		}
	}
	if t.issuerWide {
		out = append(out, named{scope: denylist.ScopeIssuer})
	}
	return out
}

// one returns the only name, and refuses none or several.
func (t *target) one() (named, error) {
	names := t.names()
	if len(names) != 1 {
		return named{}, usageError("want one of --jti, --sid, --sub or --issuer-wide, not %d", len(names))
	}
	return names[0], nil
}
