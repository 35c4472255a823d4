package scenario

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

const clientSecret = "s3cr%t:+é"

// introspecting is a server that asks for its client, and answers about tokens.
func introspecting(t *testing.T, answer func(w http.ResponseWriter, token string)) string {
	t.Helper()
	return answering(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		id, errID := url.QueryUnescape(id)
		secret, errSecret := url.QueryUnescape(secret)
		if !ok || errID != nil || errSecret != nil || id != "who: me" || secret != clientSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		assert.Empty(t, r.URL.RawQuery, "a token in a URL")
		answer(w, r.PostFormValue("token"))
	})
}

func says(text string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, text) }
}

func introspectKnobs(urls ...string) Knobs {
	k := Defaults()
	k.URLs, k.RawTokens = urls, []string{"one", "t+w=o&", "three"}
	k.Client = ClientKnobs{"who: me", clientSecret}
	return k
}

// Each token is asked about in the form, whatever it is made of, and a token
// that is revoked meanwhile is an error of a class of its own.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	var asked [3]atomic.Int64
	knobs := introspectKnobs()
	at := introspecting(t, func(w http.ResponseWriter, token string) {
		i := slices.Index(knobs.RawTokens, token)
		if assert.GreaterOrEqual(t, i, 0, "%q", token) {
			asked[i].Add(1)
		}
		if dead.Load() {
			says(`{"active":false}`)(w, token)
			return
		}
		says(` {"scope":"read","active":true,"exp":1} `)(w, token)
	})
	knobs.URLs = []string{at + "/a", at + "/b"}
	s := openStand(t, []string{introspectName}, knobs)
	contenders := s.Contenders()
	require.Len(t, contenders, 2)
	assert.Equal(t, "introspect:"+strings.TrimPrefix(at, "http://")+"/a", contenders[0].Name)
	all(t, contenders[0].Scenario, 4, func(do bench.Operation) {
		for range 50 {
			assert.NoError(t, do(t.Context()))
		}
	})
	for i := range asked {
		assert.Positive(t, asked[i].Load(), knobs.RawTokens[i])
	}
	do, err := contenders[1].Scenario.Operation(0, 1)
	require.NoError(t, err)
	dead.Store(true)
	assert.Equal(t, classInactive, class(do(t.Context())))
}

// What is wrong is found out by one question, and no error has a secret.
func TestIntrospect_Probe(t *testing.T) {
	t.Parallel()
	status := func(code int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, _ string) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, string)
		change func(k *Knobs)
		want   []error
	}{
		"another secret": {says(`{"active":true}`), func(k *Knobs) { k.Client.Secret = "wrong" }, []error{ErrRefused, ErrClient}},
		"403":            {status(403), nil, []error{ErrRefused, ErrClient}},
		"404":            {status(404), nil, []error{ErrRefused}},
		"503":            {status(503), nil, []error{ErrUnreachable}},
		"inactive":       {says(`{"active":false}`), nil, []error{ErrRefused}},
		"no JSON":        {says(`active`), nil, []error{ErrRefused}},
		"another JSON":   {says(`{"valid":true}`), nil, []error{ErrRefused}},
		"a word":         {says(`{"active":"true"}`), nil, []error{ErrRefused}},
		"an array":       {says(`[]`), nil, []error{ErrRefused}},
		"nothing":        {says(``), nil, []error{ErrRefused}},
		"endless": {func(w http.ResponseWriter, _ string) {
			_, _ = w.Write(make([]byte, 2*maxAnswer))
		}, nil, []error{ErrUnreachable}},
		"no secret": {says(``), func(k *Knobs) { k.Client.Secret = "" }, []error{ErrMissing}},
		"no client": {says(``), func(k *Knobs) { k.Client.ID = "" }, []error{ErrMissing}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			knobs := introspectKnobs(introspecting(t, c.answer))
			if c.change != nil {
				c.change(&knobs)
			}
			_, err := Open(t.Context(), []string{introspectName}, knobs, nil)
			for _, want := range c.want {
				require.ErrorIs(t, err, want)
			}
			if name == "403" || name == "404" {
				assert.ErrorContains(t, err, name)
			}
			for _, secret := range []string{"one", clientSecret, url.QueryEscape(clientSecret), "Basic"} {
				assert.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestIntrospect_AloneAmongURLs(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), []string{introspectName, httpVerifyName}, introspectKnobs("http://127.0.0.1:1/"), nil)
	assert.ErrorIs(t, err, ErrKnob)
}

func FuzzReadActive(f *testing.F) {
	for _, text := range []string{`{"active":true}`, `{"active":false,"sub":"a"}`, `{"active":null}`, `{"active":true,"active":false}`, `{}`, `[`, "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		active, err := readActive(body)
		if err != nil {
			assert.False(t, active)
			assert.Equal(t, classAnswer, class(err))
		}
		if len(body) > 20 && err != nil {
			assert.NotContains(t, err.Error(), string(body))
		}
	})
}
