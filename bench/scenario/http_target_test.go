package scenario

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
)

func TestHTTPVerify_RefusesTargetsAndTokens(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"", "127.0.0.1", "/v1/verify", "ftp://host/", "http://", "http:host", "http://user@host/", "http://user:hunter2@host/",
		"http://host/#hunter2", "http://host/\n", "http://host:port/", "http://%zz/hunter2", "unix:///socket",
	} {
		_, err := newHTTPVerify(t.Context(), target, []string{"a.b.c"}, httpKnobs{})
		assert.ErrorIs(t, err, ErrKnob, "%q", target)
		assert.NotContains(t, err.Error(), "hunter2", "%q", target)
	}
	for _, token := range []string{"", "=", "hunter2\r\nX: y", "hunter2 x", "hünter2", "hunter2\x00", strings.Repeat("hunter2", maxBearer)} {
		_, err := newHTTPVerify(t.Context(), "http://host/", []string{"a.b.c", token}, httpKnobs{})
		assert.ErrorIs(t, err, ErrKnob, "%.20q", token)
		assert.NotContains(t, err.Error(), "nter2", "%.20q", token)
	}
	_, err := newHTTPVerify(t.Context(), "http://host/", nil, httpKnobs{})
	assert.ErrorIs(t, err, ErrMissing)
}

func TestContenderNames_TellTargetsApart(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"http-verify"}, contenderNames(httpVerifyName, []string{"http://a/"}))
	assert.Equal(t, []string{"http-verify:a:80/v1/verify", "http-verify:b", "http-verify:b#2"},
		contenderNames(httpVerifyName, []string{"http://a:80/v1/verify", "http://b", "https://b?scope=x"}))
}

func TestHTTPVerify_NothingToAskAbout(t *testing.T) {
	t.Parallel()
	dir, _ := keyDir(t)
	for name, knobs := range map[string]Knobs{
		"no keys":    {URLs: []string{"http://127.0.0.1:1"}, Issuer: serverIssuer},
		"no issuer":  {URLs: []string{"http://127.0.0.1:1"}, KeysDir: dir},
		"nobody":     {URLs: []string{"http://127.0.0.1:1"}, KeysDir: t.TempDir(), Issuer: serverIssuer},
		"no targets": {KeysDir: dir, Issuer: serverIssuer},
	} {
		_, err := Open(t.Context(), []string{httpVerifyName}, knobs, nil)
		require.Error(t, err, name)
		assert.True(t, errors.Is(err, ErrMissing) || errors.Is(err, rotation.ErrNoKey), "%s: %v", name, err)
	}
}
