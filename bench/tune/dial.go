package tune

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTask: a search that makes no sense. It is wrapped with what to change.
var ErrTask = errors.New("tune: task refused")

// Dial is a setting, with the values that are tried.
type Dial struct {
	Name    string
	Values  []string // as they are written
	Default int      // which of them is the default
	// Weakens says by value what it costs of a guarantee; "" or no entry: nothing.
	Weakens map[int]string
	// Idle reports that the setting does nothing at a point; nil: never.
	Idle func(at Point) bool
}

// Point is a value of each dial, by its index, in the dials' order.
type Point []int

// with is the point with one dial turned.
func (p Point) with(dial, value int) Point {
	turned := slices.Clone(p)
	turned[dial] = value
	return turned
}

func (p Point) equal(other Point) bool { return slices.Equal(p, other) }

// Dials are all settings that are searched, those first that matter most.
type Dials []Dial

// Defaults is the point of all defaults.
func (d Dials) Defaults() Point {
	p := make(Point, len(d))
	for i, dial := range d {
		p[i] = dial.Default
	}
	return p
}

// Costs is what a point costs of a guarantee: nothing, or a sentence for each
// value that does.
func (d Dials) Costs(p Point) []string {
	var costs []string
	for i, dial := range d {
		if cost := dial.Weakens[p[i]]; cost != "" {
			costs = append(costs, cost)
		}
	}
	return costs
}

// Changes names what differs between two points: "check-flights=16 pool=40".
func (d Dials) Changes(from, to Point) string {
	var parts []string
	for i, dial := range d {
		if from[i] != to[i] {
			parts = append(parts, dial.Name+"="+dial.Values[to[i]])
		}
	}
	return strings.Join(parts, " ")
}

func (d Dials) check() error {
	if len(d) == 0 {
		return fmt.Errorf("%w: nothing to tune", ErrTask)
	}
	for i, dial := range d {
		switch {
		case dial.Name == "" || slices.ContainsFunc(d[:i], func(o Dial) bool { return o.Name == dial.Name }):
			return fmt.Errorf("%w: a dial called %q, which is no name or another's", ErrTask, dial.Name)
		case dial.Default < 0 || dial.Default >= len(dial.Values):
			return fmt.Errorf("%w: %s has no default", ErrTask, dial.Name)
		case dial.Weakens[dial.Default] != "":
			return fmt.Errorf("%w: the default of %s costs a guarantee", ErrTask, dial.Name)
		}
	}
	return nil
}

// holds reports whether a point is one of these dials.
func (d Dials) holds(p Point) bool {
	if len(p) != len(d) {
		return false
	}
	for i, value := range p {
		if value < 0 || value >= len(d[i].Values) {
			return false
		}
	}
	return true
}
