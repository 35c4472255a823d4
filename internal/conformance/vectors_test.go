package conformance

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/verifier"
)

// vectors is one file of the suite.
type vectors struct {
	NumberOfTests int     `json:"numberOfTests"`
	TestGroups    []group `json:"testGroups"`
}

// group is the tests of one key, or key set.
type group struct {
	Comment string          `json:"comment"`
	Public  json.RawMessage `json:"public"`
	Private json.RawMessage `json:"private"`
	Tests   []vector        `json:"tests"`
}

// vector is one test: a JWS or a JWE, and whether it should be accepted.
type vector struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	JWS     text   `json:"jws"`
	JWE     text   `json:"jwe"`
	Result  string `json:"result"`
}

// text is a JWS or JWE: a string, or the JSON serialization as it stands.
type text struct{ raw *string }

func (x *text) UnmarshalJSON(data []byte) error {
	raw := string(data)
	x.raw = &raw
	if data[0] == '{' {
		return nil
	}
	return json.Unmarshal(data, x.raw)
}

func (v vector) valid(t *testing.T) bool {
	require.Contains(t, []string{"valid", "invalid"}, v.Result, "tc%d", v.ID)
	return v.Result == "valid"
}

// keys are what verifies: the public half, where the group has one.
func (g group) keys() json.RawMessage {
	if g.Public != nil {
		return g.Public
	}
	return g.Private
}

// accepts reports whether a verifier that was given the keys accepts raw.
func accepts(t *testing.T, keys json.RawMessage, raw string) bool {
	ks, err := verifier.ParseJWKS(keys, verifier.RS256)
	if err != nil {
		return false
	}
	_, err = verifier.VerifySignature(t.Context(), ks, raw)
	return err == nil
}

func read(t *testing.T, name string) vectors {
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(data, &v))
	n := 0
	for _, g := range v.TestGroups {
		n += len(g.Tests)
		require.NotEmpty(t, g.keys(), g.Comment)
	}
	require.Equal(t, v.NumberOfTests, n)
	return v
}
