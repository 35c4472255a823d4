package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// build describes the binary; the go command writes it.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func versionCommand(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		b := thisBuild()
		if c.json {
			return c.printJSON(b)
		}
		return c.printFacts([2]string{"rescind", b.Version}, [2]string{"revision", b.Revision},
			[2]string{"go", b.Go}, [2]string{"platform", b.Platform})
	}
}
