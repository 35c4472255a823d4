package docs_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// open connects to the denylist. A Redis that evicts, or only follows, is
// refused.
func open(ctx context.Context, redisURL, password string) (*denylist.Redis, error) {
	client, err := denylist.OpenURL(redisURL, password)
	if err != nil {
		return nil, err
	}
	list, err := denylist.NewRedis(client, denylist.RedisOptions{})
	if err != nil {
		return nil, err
	}
	_, err = list.Inspect(ctx)
	return list, err
}

// protect lets only those requests through to api that have a valid token.
func protect(api http.Handler, jwks []byte, list denylist.Store) (http.Handler, error) {
	keys, err := verifier.ParseJWKS(jwks, "")
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(list, []verifier.Issuer{
		{Name: "https://id.example", Keys: keys, Audiences: []string{"api"}},
	}, verifier.Options{Leeway: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	return v.Middleware(api), nil
}

// signOut ends every session of a user that has begun.
func signOut(ctx context.Context, list denylist.Store, user string) error {
	_, err := list.Revoke(ctx, denylist.SubjectEntry("https://id.example", user, time.Time{}))
	return err
}

// What the README shows is what this file compiles, and what the example has.
func TestReadmeShowsTheLibrary(t *testing.T) {
	const name = "library_test.go"
	source, err := os.ReadFile(name)
	require.NoError(t, err)
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, parser.ParseComments)
	require.NoError(t, err)
	var shown []string
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && slices.Contains([]string{"open", "protect", "signOut"}, f.Name.Name) {
			shown = append(shown, string(source[files.Position(f.Doc.Pos()).Offset:files.Position(f.End()).Offset]))
		}
	}
	blocks := read(t, "README.md").in("go")
	require.Len(t, blocks, 2)
	assert.Equal(t, strings.Join(shown, "\n\n")+"\n", blocks[0].text())

	example := read(t, "examples/golang-jwt/main.go").text
	for _, line := range blocks[1].lines {
		_, rest, found := strings.Cut(example, strings.TrimSpace(line))
		if !assert.True(t, found, "not in the example, or not there: %s", line) {
			break
		}
		example = rest
	}
}

// And it works.
func TestLibraryOnRedis(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	issuer, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}),
		rotation.Options{Issuer: "https://id.example", Audience: []string{"api"}})
	require.NoError(t, err)
	tokens, err := issuer.Login(t.Context(), rotation.Login{At: time.Now().Add(-time.Second), Subject: "alice"})
	require.NoError(t, err)

	jwks, err := ring.JWKS()
	require.NoError(t, err)
	list, err := open(t.Context(), redistest.Start(t).URL(), "")
	require.NoError(t, err)
	hello := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	api, err := protect(hello, jwks, list)
	require.NoError(t, err)

	status := func() int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.Access)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w.Code
	}
	assert.Equal(t, http.StatusOK, status())
	require.NoError(t, signOut(t.Context(), list, "bob"))
	assert.Equal(t, http.StatusOK, status(), "somebody else")
	require.NoError(t, signOut(t.Context(), list, "alice"))
	assert.Equal(t, http.StatusUnauthorized, status())
}
