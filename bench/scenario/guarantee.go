package scenario

import "slices"

// What contenders guarantee of a revocation that was acknowledged. The first
// word is what tables show: strict, bounded, best effort or none.
const (
	strict  = "strict: denied by every check that begins after the revocation was acknowledged"
	bounded = "bounded: denied at most max-staleness after the revocation was acknowledged, proven"
	// alone is of a store that nobody else has.
	alone = "strict: denied by every check of this process that begins after the revocation was acknowledged; others never hear of it"
	// spent is of exchanges, which ask all that the denylist knows.
	spent = "strict: denied by every exchange that begins after the revocation was acknowledged"
)

// guarantees are those of the contenders, each once.
func (k kind) guarantees() []string {
	all := []string{k.guarantee}
	for _, of := range k.each {
		all = append(all, of.guarantee)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(text string) bool { return text == "" })
}
