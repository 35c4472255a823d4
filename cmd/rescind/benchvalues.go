package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/verifier"
)

func positive(fs *pflag.FlagSet, to *int, name string, preset int) {
	*to = preset
	fs.Var(positiveValue{to}, name, "")
}

// positiveValue is a whole number as a flag (pflag.Value). It refuses 0, which
// the harness would take for its default.
type positiveValue struct{ to *int }

func (v positiveValue) Type() string   { return "int" }
func (v positiveValue) String() string { return strconv.Itoa(*v.to) }

func (v positiveValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("want a whole number over 0")
	}
	*v.to = n
	return nil
}

// rateValue is operations a second as a flag (pflag.Value).
type rateValue struct{ to *float64 }

func (v rateValue) Type() string { return "rate" }

func (v rateValue) String() string {
	if *v.to == 0 {
		return ""
	}
	return strconv.FormatFloat(*v.to, 'g', -1, 64)
}

func (v rateValue) Set(text string) error {
	rate, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	switch {
	case err == nil && rate == 0:
		return errors.New("a rate of zero measures nothing; without --rate it is a closed loop")
	case err != nil || rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0):
		return errors.New("want operations a second, such as 5000")
	}
	*v.to = rate
	return nil
}

// shareValue is a share as a flag, 0.01 or 1% (pflag.Value).
type shareValue struct{ to *float64 }

func (v shareValue) Type() string   { return "share" }
func (v shareValue) String() string { return strconv.FormatFloat(*v.to*100, 'g', 6, 64) + "%" }

func (v shareValue) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return errors.New("want a share such as 1% or 0.01")
	}
	*v.to = share
	return nil
}

// besideValue is how many revocations there are beside what is measured; none
// without the flag (pflag.Value).
type besideValue struct{ revocationsValue }

func (v besideValue) String() string {
	if *v.to == 0 {
		return ""
	}
	return v.revocationsValue.String()
}

// boundValue is a share that bounds something, and without which there is no
// bound (pflag.Value).
type boundValue struct{ shareValue }

func (v boundValue) String() string {
	if *v.to == 0 {
		return ""
	}
	return v.shareValue.String()
}

func (v boundValue) Set(text string) error {
	err := v.shareValue.Set(text)
	if err == nil && *v.to == 0 {
		return errors.New("nothing is possible with a share of 0; without the flag there is no bound")
	}
	return err
}

// mixValue is a mix of algorithms as a flag, ES256 or ES256=3,HS256=1
// (pflag.Value).
type mixValue struct{ to *map[verifier.Algorithm]int }

func (v mixValue) Type() string { return "mix" }

func (v mixValue) String() string {
	var parts []string
	for _, alg := range slices.Sorted(maps.Keys(*v.to)) {
		part := string(alg)
		if len(*v.to) > 1 {
			part += fmt.Sprintf("=%d", (*v.to)[alg])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

func (v mixValue) Set(text string) error {
	mix := map[verifier.Algorithm]int{}
	for part := range strings.SplitSeq(text, ",") {
		name, weight, weighted := strings.Cut(part, "=")
		alg, n := verifier.Algorithm(name), uint64(1)
		if weighted {
			var err error
			if n, err = strconv.ParseUint(weight, 10, 16); err != nil || n == 0 {
				return fmt.Errorf("the weight of %q: want a whole number from 1 to 65535", name)
			}
		}
		if !slices.Contains(verifier.Algorithms(), alg) {
			return fmt.Errorf("no algorithm %q: want of %v", name, verifier.Algorithms())
		}
		if _, twice := mix[alg]; twice {
			return fmt.Errorf("%s is named twice", alg)
		}
		mix[alg] = int(n)
	}
	*v.to = mix
	return nil
}
