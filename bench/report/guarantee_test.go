package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestGuaranteeNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"":                                {"-", ""},
		"none":                            {"none", "none"},
		"strict: by every check":          {"strict", "strict – by every check"},
		"best effort: once it is expired": {"best effort", "best effort – once it is expired"},
		": nothing":                       {"-", "nothing"},
		strings.Repeat("x", 60):           {"xxxxxxx…xxxxxxxxxxxxxxxx", strings.Repeat("x", 60)},
	} {
		d := bench.Description{Guarantee: text}
		assert.Equal(t, want, [2]string{guaranteeName(d), guaranteeText(d)}, "%q", text)
	}
}

// promised is a run of the made-up workloads with the given guarantees.
func promised(t *testing.T, guarantees ...string) *bench.Results {
	r := newMaker(t).results(false, 2, []int{1}, workloads()...)
	for i, g := range guarantees {
		r.Header.Scenarios[i].Guarantee = g
	}
	return r
}

// The workloads are naive, which the ratios are over, verify, check-miss and
// signature.
func TestLikeIsComparedWithLike(t *testing.T) {
	t.Parallel()
	r := newRun(promised(t, strict, boundedBy, strict, ""))
	var order []string
	for _, ratio := range r.ratios {
		order = append(order, ratio.Contender+" "+r.guaranteeMark(ratio.Contender))
	}
	assert.Equal(t, []string{"check-miss strict", "verify bounded (other guarantee)", "signature - (other guarantee)"}, order)

	var b bytes.Buffer
	require.NoError(t, Table(&b, promised(t, strict, boundedBy, strict, "")))
	text := b.String()[strings.Index(b.String(), "Ratio to"):]
	assert.Contains(t, text, "\nother guarantee: bounded (naive: strict)\nverify ")
	assert.Contains(t, text, "\nother guarantee: - (naive: strict)\nsignature ")
	assert.NotContains(t, text, "strict (naive")

	page := pageOf(t, promised(t, strict, boundedBy, strict, ""))
	assert.Equal(t, 2, strings.Count(page, "<td>bounded<small>other guarantee</small></td>")+
		strings.Count(page, "<td>-<small>other guarantee</small></td>"))
	assert.Contains(t, page, ">other guarantee: bounded (naive: strict)</text>")
	assert.Contains(t, page, "Guarantee: bounded – denied at most max-staleness")
}

func TestGuaranteesFromTheStrictestOn(t *testing.T) {
	t.Parallel()
	order := func(guarantees ...string) (names []string) {
		for _, ratio := range newRun(promised(t, guarantees...)).ratios {
			names = append(names, ratio.Contender)
		}
		return names
	}
	assert.Equal(t, []string{"signature", "check-miss", "verify"}, order("none", bestEffort, boundedBy, strict))
	assert.Equal(t, []string{"signature", "verify", "check-miss"}, order(bestEffort, "of another kind", "", "none"))
	assert.Equal(t, []string{"verify", "check-miss", "signature"}, order(), "as they were")
}

// Where contenders have baselines of their own, each is held against its own.
func TestGuaranteesOfOwnBaselines(t *testing.T) {
	t.Parallel()
	results := promised(t, strict, boundedBy, strict, boundedBy)
	results.Header.Scenarios[3].Baseline = "verify"
	r := newRun(results)
	assert.False(t, r.otherGuarantee("signature"), "over verify")
	assert.False(t, r.otherGuarantee("check-miss"), "over naive")
	assert.False(t, r.otherGuarantee("naive"), "over nothing")
}

// A file of an older version has none, and says nothing of it.
func TestFilesWithoutGuarantees(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	old := odd(t)["one pair"]
	for _, form := range []func(io.Writer, ...*bench.Results) error{Table, Markdown, HTML, JSON} {
		require.NoError(t, form(&b, old))
		require.NoError(t, form(&b, old, old))
	}
	assert.NotContains(t, b.String(), "uarantee")
}
