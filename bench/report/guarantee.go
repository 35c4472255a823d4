package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// guaranteeLength is the most letters of a guarantee's name that tables show.
const guaranteeLength = 24

// guaranteeName is the part of a guarantee before its colon: strict, bounded,
// best effort. Where nothing is checked it is unknown.
func guaranteeName(d bench.Description) string {
	name, _, _ := strings.Cut(d.Guarantee, ":")
	return cmp.Or(shorten(strings.TrimSpace(name), guaranteeLength), unknown)
}

// guaranteeText is the whole of it, as a sentence.
func guaranteeText(d bench.Description) string {
	name, text, _ := strings.Cut(d.Guarantee, ":")
	return join(" – ", strings.TrimSpace(name), strings.TrimSpace(text))
}

// guarantees says whether the run knows what its contenders guarantee. Files of
// older versions do not, and look as they did.
func (r run) guarantees() bool {
	return slices.ContainsFunc(r.Header.Scenarios, func(d bench.Description) bool { return d.Guarantee != "" })
}

// guarantee is the name of a contender's.
func (r run) guarantee(contender string) string {
	for _, d := range r.Header.Scenarios {
		if d.Name == contender {
			return guaranteeName(d)
		}
	}
	return unknown
}

// heldAgainst is the baseline of a contender's ratios; false where it has none.
func (r run) heldAgainst(contender string) (string, bool) {
	for _, ratio := range r.ratios {
		if ratio.Contender == contender {
			return ratio.Baseline, true
		}
	}
	return "", false
}

// otherGuarantee says whether a contender's ratios compare what is not alike.
func (r run) otherGuarantee(contender string) bool {
	baseline, ok := r.heldAgainst(contender)
	return ok && r.guarantees() && r.guarantee(contender) != r.guarantee(baseline)
}

// guaranteeMark is the name of a contender's guarantee, with a word where it is
// another than the baseline's.
func (r run) guaranteeMark(contender string) string {
	if r.otherGuarantee(contender) {
		return r.guarantee(contender) + " (other guarantee)"
	}
	return r.guarantee(contender)
}

// otherHeading stands above ratios between what is not alike.
func (r run) otherHeading(contender string) string {
	baseline, _ := r.heldAgainst(contender)
	return "other guarantee: " + r.guarantee(contender) + " (" +
		shorten(baseline, guaranteeLength) + ": " + r.guarantee(baseline) + ")"
}

// beginsOther says whether the ratio at i is the first of those with a guarantee
// that is not the baseline's.
func (r run) beginsOther(i int) bool {
	name := r.ratios[i].Contender
	return r.otherGuarantee(name) && (i == 0 || r.guarantee(r.ratios[i-1].Contender) != r.guarantee(name))
}

// nameCells are the first cells of a row: whose it is, and what that one
// guarantees where anybody says.
func (r run) nameCells(contender, guarantee string) []string {
	if !r.guarantees() {
		return []string{contender}
	}
	return []string{contender, guarantee}
}

// likeFirst sorts ratios so that those of the baseline's guarantee come first,
// and then the others, each beside its like.
func (r run) likeFirst() {
	if !r.guarantees() {
		return
	}
	ranks := make(map[string]int)
	for _, ratio := range r.ratios {
		ranks[ratio.Contender] = r.rank(ratio.Contender)
	}
	slices.SortStableFunc(r.ratios, func(a, b bench.Ratio) int {
		return cmp.Or(
			cmp.Compare(ranks[a.Contender], ranks[b.Contender]),
			cmp.Compare(r.guarantee(a.Contender), r.guarantee(b.Contender)))
	})
}

// rank is the place of a contender's guarantee among all: its baseline's first,
// then from the strictest on, and at last where nothing is checked.
func (r run) rank(contender string) int {
	name := r.guarantee(contender)
	baseline, _ := r.heldAgainst(contender)
	known := []string{r.guarantee(baseline), "strict", "bounded", "best effort", "none"}
	switch i := slices.Index(known, name); {
	case i >= 0:
		return i
	case name == unknown:
		return len(known) + 1
	default:
		return len(known)
	}
}

// guaranteeSentences are the guarantees of all contenders, each once.
func (r run) guaranteeSentences() []string {
	var all []string
	for _, d := range r.Header.Scenarios {
		if text := guaranteeText(d); text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
