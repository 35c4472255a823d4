package bench

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/klauspost/cpuid/v2"
)

// CurrentEnvironment is this machine and this program. Its Redis is for the
// caller to fill in.
func CurrentEnvironment() Environment {
	return Environment{
		CPU:        cpuModel(),
		Cores:      runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		OS:         runtime.GOOS,
		Arch:       runtime.GOARCH,
		Go:         runtime.Version(),
		Rescind:    ourVersion(),
	}
}

// cpuModel is the CPU's own name. Where it has none, as on ARM under Linux, it
// is the vendor's and the family's number.
func cpuModel() string {
	numbers := ""
	if vendor := cpuid.CPU.VendorString; vendor != "" {
		numbers = fmt.Sprintf("%s family %d model %d", vendor, cpuid.CPU.Family, cpuid.CPU.Model)
	}
	return cmp.Or(cpuid.CPU.BrandName, numbers, "unknown")
}

// ourVersion is that of this module, in the rescind binary or in a program that
// imports it.
func ourVersion() string {
	const module = "github.com/rescindhq/rescind"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module {
			return cmp.Or(m.Version, "(devel)")
		}
	}
	return "unknown"
}
