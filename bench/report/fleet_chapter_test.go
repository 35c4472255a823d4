package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What does not count is drawn hollow, and what does not fit is said in words.
func TestFleetChapter(t *testing.T) {
	t.Parallel()
	r := newRun(fleet(t))
	c := r.fleetChapter("x")
	require.Len(t, c.Charts, 2)
	hollow := func(chart int) (n int) {
		for _, s := range c.Charts[chart].Drawings[0].Shapes {
			if s.Class == "mark hollow c0" {
				n++
			}
		}
		return n
	}
	assert.Zero(t, hollow(0), "CPU time does not grow while one waits for a core")
	assert.Equal(t, 1, hollow(1), "400 mirrors had no core left")
	require.Len(t, c.Table.Rows, 6)
	assert.Equal(t, "100000 estimated", c.Table.Rows[5][0].Text)
	assert.Equal(t, "more than it allows", c.Table.Rows[5][2].Below)
	assert.Equal(t, "one does not do", c.Table.Rows[5][7].Below)
	said := strings.Join(c.Said, " ")
	assert.Contains(t, said, "100,000 mirrors, each of which would rest over 8 reads a second, would")
	assert.Contains(t, said, "does not fit on one Redis")
	assert.Equal(t, []string{"Another note."}, r.notes(), "the others stand there")

	one := fleet(t)
	one.Slices = one.Slices[:3]
	c = newRun(one).fleetChapter("x")
	assert.Len(t, c.Table.Rows, 1)
	require.Len(t, c.Said, 1)
	assert.Contains(t, c.Said[0], "one number of mirrors is no line")
	assert.False(t, strings.Contains(pageOf(t, closed(t)), "mirrors</h3>"))
}
