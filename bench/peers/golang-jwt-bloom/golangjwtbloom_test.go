package golangjwtbloom

import (
	"testing"

	"github.com/rescindhq/rescind/bench/peers/peertest"
	"github.com/rescindhq/rescind/verifier"
)

func TestRival(t *testing.T) { peertest.Stands(t, Rival(), verifier.HS256, verifier.ES256) }
