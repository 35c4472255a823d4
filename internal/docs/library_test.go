package docs_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
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

// protect lets only those requests through to api that have a valid token.
func protect(ctx context.Context, redisURL, jwksFile string, api http.Handler) (http.Handler, denylist.Store, error) {
	client, err := denylist.OpenURL(redisURL, os.Getenv("REDIS_PASSWORD"))
	if err != nil {
		return nil, nil, err
	}
	list, err := denylist.NewRedis(client, denylist.RedisOptions{})
	if err != nil {
		return nil, nil, err
	}
	if _, err := list.Inspect(ctx); err != nil { // a Redis that evicts, or only follows, is refused
		return nil, nil, err
	}
	jwks, err := os.ReadFile(jwksFile)
	if err != nil {
		return nil, nil, err
	}
	keys, err := verifier.ParseJWKS(jwks, "")
	if err != nil {
		return nil, nil, err
	}
	v, err := verifier.New(list, []verifier.Issuer{
		{Name: "https://id.example", Keys: keys, Audiences: []string{"api"}},
	}, verifier.Options{Leeway: 30 * time.Second})
	if err != nil {
		return nil, nil, err
	}
	return v.Middleware(api), list, nil
}

// signOut ends every session of a user that has begun.
func signOut(ctx context.Context, list denylist.Store, user string) error {
	_, err := list.Revoke(ctx, denylist.SubjectEntry("https://id.example", user, time.Time{}))
	return err
}

// What the README shows is what this file compiles.
func TestReadmeShowsTheLibrary(t *testing.T) {
	const name = "library_test.go"
	source, err := os.ReadFile(name)
	require.NoError(t, err)
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, parser.ParseComments)
	require.NoError(t, err)
	var shown []string
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && (f.Name.Name == "protect" || f.Name.Name == "signOut") {
			shown = append(shown, string(source[files.Position(f.Doc.Pos()).Offset:files.Position(f.End()).Offset]))
		}
	}
	blocks := read(t, "README.md").in("go")
	require.Len(t, blocks, 1)
	assert.Equal(t, strings.Join(shown, "\n\n")+"\n", blocks[0].text())
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
	file := t.TempDir() + "/jwks.json"
	require.NoError(t, os.WriteFile(file, jwks, 0o600))
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})
	api, list, err := protect(t.Context(), redistest.Start(t).URL(), file, hello)
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
