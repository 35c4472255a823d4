package bench_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/bench"
)

func TestCurrentEnvironment(t *testing.T) {
	t.Parallel()
	e := bench.CurrentEnvironment()
	assert.NotEmpty(t, e.CPU)
	assert.Equal(t, runtime.NumCPU(), e.Cores)
	assert.Equal(t, runtime.GOMAXPROCS(0), e.GOMAXPROCS)
	assert.Equal(t, runtime.GOOS+"/"+runtime.GOARCH, e.OS+"/"+e.Arch)
	assert.Equal(t, runtime.Version(), e.Go)
	assert.Equal(t, "(devel)", e.Rescind, "a test is built from the working tree")
	assert.Equal(t, e, bench.CurrentEnvironment())
}
