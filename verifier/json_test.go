package verifier

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScanObject_Refuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                    ``,
		"white space":                " \n",
		"an array":                   `[]`,
		"a string":                   `"a"`,
		"a number":                   `1`,
		"null":                       `null`,
		"a byte order mark":          "\ufeff{}",
		"data after it":              `{}x`,
		"a second object":            `{}{}`,
		"NUL after it":               "{}\x00",
		"no end":                     `{"a":1`,
		"no end of a name":           `{"a`,
		"no value":                   `{"a":}`,
		"no colon":                   `{"a" 1}`,
		"a comma too many":           `{"a":1,}`,
		"a comma too few":            `{"a":1 "b":2}`,
		"an array's comma too many":  `{"a":[1,]}`,
		"an array's wrong end":       `{"a":[1}}`,
		"a bare name":                `{a:1}`,
		"single quotes":              `{'a':1}`,
		"a comment":                  `{"a":1/**/}`,
		"a form feed":                "{\f}",
		"a no-break space":           "{\u00a0}",
		"True":                       `{"a":True}`,
		"truth":                      `{"a":truth}`,
		"NaN":                        `{"a":NaN}`,
		"a leading zero":             `{"a":01}`,
		"a leading plus":             `{"a":+1}`,
		"no digit":                   `{"a":-}`,
		"no fraction":                `{"a":1.}`,
		"no integer":                 `{"a":.1}`,
		"no exponent":                `{"a":1e}`,
		"no exponent but a sign":     `{"a":1e+}`,
		"hexadecimal":                `{"a":0x1}`,
		"a newline in a string":      "{\"a\":\"\n\"}",
		"NUL in a string":            "{\"a\":\"\x00\"}",
		"an unknown escape":          `{"a":"\x"}`,
		"a short escape":             `{"a":"\u12"}`,
		"an escape with a sign":      `{"a":"\u+123"}`,
		"half an escape":             `{"a":"\`,
		"a high surrogate":           `{"a":"\ud800"}`,
		"a low surrogate":            `{"a":"\udc00"}`,
		"surrogates the wrong way":   `{"a":"\udc00\ud800"}`,
		"a surrogate and a letter":   `{"a":"\ud800\u0041"}`,
		"a surrogate in a name":      `{"\ud800":1}`,
		"invalid UTF-8":              "{\"a\":\"\xff\"}",
		"overlong UTF-8":             "{\"a\":\"\xc0\xaf\"}",
		"a surrogate in UTF-8":       "{\"a\":\"\xed\xa0\x80\"}",
		"a name twice":               `{"a":1,"a":1}`,
		"a registered name twice":    `{"exp":1,"exp":1}`,
		"a name twice, once escaped": `{"a":1,"\u0061":2}`,
		"a registered name, escaped": `{"exp":1,"\u0065xp":2}`,
		"a name twice, deep":         `{"a":{"b":[{"c":1,"c":2}]}}`,
		"a name in capitals":         `{"EXP":1}`,
		"a name with a long s":       `{"iſs":1}`,
		"a Kelvin sign":              `{"\u0069\u017fs":1}`,
		"too deep":                   strings.Repeat(`{"a":`, maxDepth+1) + `1` + strings.Repeat(`}`, maxDepth+1),
		"10,000 deep":                `{"a":` + strings.Repeat(`[`, 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var into [claimCount]value
			assert.ErrorIs(t, scanObject(text, claimNamed, into[:], nil, nil), ErrMalformed)
		})
	}
}

func TestScanObject_Accepts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing in it":         `{}`,
		"white space":           " \t\r\n{ \"iss\" : [ ] , \"b\" : { } } \n",
		"every kind":            `{"a":null,"b":true,"c":false,"d":-0.1e+10,"e":"x","f":[1,[2]],"g":{"h":1}}`,
		"every escape":          `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`,
		"deep enough":           strings.Repeat(`{"a":`, maxDepth) + `1` + strings.Repeat(`}`, maxDepth),
		"the same name deeper":  `{"a":{"a":{"a":1}},"b":{"a":1}}`,
		"an outer name later":   `{"a":{"b":1},"b":2}`,
		"many side by side":     `{"a":[` + strings.Repeat(`{"b":{}},[[]],`, 2*maxDepth) + `0]}`,
		"unregistered capitals": `{"Roles":1,"roles":2}`,
		"a claim's name deeper": `{"a":{"EXP":1,"exp":2}}`,
		"an empty name":         `{"":1}`,
		"many names":            manyNames(500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var into [claimCount]value
			assert.NoError(t, scanObject(text, claimNamed, into[:], nil, nil))
		})
	}
}

func manyNames(n int, more ...string) string {
	names := make([]string, 0, n)
	for i := range n {
		names = append(names, fmt.Sprintf(`"n%d":%d`, i, i))
	}
	return "{" + strings.Join(append(names, more...), ",") + "}"
}

// Names are compared one by one at first, and by a map later: a duplicate is
// seen on either side, and across.
func TestScanObject_DuplicateAmongMany(t *testing.T) {
	t.Parallel()
	for _, twice := range []int{0, fewNames - 1, fewNames, fewNames + 1, 499} {
		var into [claimCount]value
		text := manyNames(500, fmt.Sprintf(`"n%d":0`, twice))
		assert.ErrorIs(t, scanObject(text, claimNamed, into[:], nil, nil), ErrMalformed, "n%d", twice)
	}
}

// The oracle is go-json-experiment/json: it accepts what our scanner accepts
// and reads the same values, but for the refusals that are ours alone.
func FuzzScanObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"iss":"a","exp":1.5e3,"aud":["x","y"],"jti":"\u00e9\ud83d\ude00"}`, `{"iſs":1}`, `{"JTI":""}`,
		`{"a":{"b":[true,false,null,-0]},"scope":"a b"}`, "{\"a\":\"\xff\"}", `{"a":1,"a":2}`, `{"sub":"\/"}`, `{"a":"\ud800"}`,
		`{"iss":"https://issuer.example","sub":"b","exp":1893553445,"jti":"c","x":[{"exp":1}],"scope":"a b"}`, ` {"nbf" : 01 } `, `{"exp":1}{}`, `[{}]`, `{"session_exp":{"session_exp":[]}}`, manyNames(40),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var into [claimCount]value
		err := scanObject(text, claimNamed, into[:], nil, nil)
		requireNoGuessMatters(t, text, into, err)
		want := oracle(text) // null is no object, and leaves the map nil
		if (err == nil) != (want != nil) {
			t.Fatalf("scanObject(%q) = %v, but the oracle reads %v", text, err, want)
		}
		for name, v := range want {
			got := into[claimNamed(name)]
			require.NotEqual(t, kindAbsent, got.kind, name)
			raw := got.text
			if got.kind == kindString {
				raw = `"` + raw + `"`
				var s string
				require.NoError(t, json.Unmarshal(v, &s), name)
				require.Equal(t, s, got.str(), name)
			}
			require.Equal(t, string(v), raw, name)
			require.Equal(t, v.Kind(), jsontext.Value(raw).Kind(), name)
		}
		if err == nil {
			for at, v := range into {
				require.Equal(t, v.kind == kindAbsent, !readsClaim(want, at))
			}
		}
	})
}

// requireNoGuessMatters reads text as it is read behind another token, and behind
// itself.
func requireNoGuessMatters(t *testing.T, text string, want [claimCount]value, wantErr error) {
	t.Helper()
	var order order
	var before [claimCount]value
	require.NoError(t, scanObject(`{"iss":"a","sub":"b","exp":1,"jti":"c","x":0,"rot":1}`, claimNamed, before[:], nil, &order))
	for range 2 {
		var into [claimCount]value
		err := scanObject(text, claimNamed, into[:], nil, &order)
		require.Equal(t, wantErr, err)
		require.Equal(t, want, into)
	}
}

// What is guessed of a claim's name holds only if the name stands there.
func TestScanObject_Guesses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"the same":           `{"iss":"a","sub":"b","exp":1,"jti":"c","x":0,"rot":1}`,
		"another order":      `{"jti":"c","exp":1,"sub":"b","iss":"a"}`,
		"twice in a row":     `{"iss":"a","iss":"a"}`,
		"twice":              `{"iss":"a","sub":"b","iss":"a","sub":"b"}`,
		"another case":       `{"iss":"a","Sub":"b"}`,
		"escaped":            `{"iss":"a","\u0073ub":"b","exp":1,"sub":"b"}`,
		"longer":             `{"iss":"a","sub2":"b","exp":1}`,
		"white space":        `{ "iss" : "a" , "sub" : "b" }`,
		"no colon":           `{"iss":"a","sub","exp":1}`,
		"no value":           `{"iss":"a","sub":,"exp":1}`,
		"an end":             `{"iss":"a","sub":`,
		"a comma too many":   `{"iss":"a",}`,
		"deeper":             `{"iss":{"iss":"a","sub":"b"},"sub":{"iss":"c","sub":1}}`,
		"unknown, and twice": `{"iss":"a","sub":"b","exp":1,"jti":"c","x":0,"rot":1,"x":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var into [claimCount]value
			err := scanObject(text, claimNamed, into[:], nil, nil)
			requireNoGuessMatters(t, text, into, err)
		})
	}
	for at, text := range claimTexts {
		assert.Equal(t, at, claimNamed(strings.Trim(text, `":`)), text)
		assert.Regexp(t, `^"[a-z_]+":$`, text)
	}
}

// A text is plain only if no string in it needs a look: every byte at every
// place of the words that it is read by.
func TestIsPlain(t *testing.T) {
	t.Parallel()
	for size := 8; size <= 17; size++ {
		for at := range size {
			for b := range 256 {
				text := []byte(strings.Repeat("x", size))
				text[at] = byte(b)
				want := b >= ' ' && b < 0x7f && b != '\\'
				require.Equal(t, want, isPlain(string(text)), "byte %#x at %d of %d", b, at, size)
			}
		}
	}
	assert.False(t, isPlain("short"))
}

func readsClaim(members map[string]jsontext.Value, at int) bool {
	for name := range members {
		if claimNamed(name) == at {
			return true
		}
	}
	return false
}

// oracle returns the registered members of a text that our scanner is to
// accept, never nil for one; nil for any other.
func oracle(text string) map[string]jsontext.Value {
	var members map[string]jsontext.Value
	if json.Unmarshal([]byte(text), &members) != nil {
		return nil
	}
	for name, v := range members {
		if looksRegistered(name) || depth(v) >= maxDepth {
			return nil
		}
		if claimNamed(name) < 0 {
			delete(members, name)
		}
	}
	return members
}

// depth is how deep objects and arrays are nested.
func depth(v jsontext.Value) (deepest int) {
	d := jsontext.NewDecoder(strings.NewReader(string(v)))
	for {
		if _, err := d.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, d.StackDepth())
	}
}

// looksRegistered is the other way to say what vocabulary.find says.
func looksRegistered(name string) bool {
	for _, registered := range []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "rot", "scope", "client_id", "auth_time", "auth_ms", "session_exp", "renewable",
	} {
		if name != registered && strings.EqualFold(name, registered) {
			return true
		}
	}
	return false
}

// Our decoder accepts exactly what encoding/base64 accepts when it is strict
// and sees no line breaks.
func FuzzAppendBase64(f *testing.F) {
	for _, seed := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AA==", "AA\r\n", "-_-_", "+/+/", "AAAAé",
		base64URL, base64URL + "AB", base64URL + "AAB", base64URL + "A", base64URL + "=" + base64URL, "AAAAAAA\xff" + base64URL} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := appendBase64([]byte("before"), text)
		want, err := base64.RawURLEncoding.Strict().DecodeString(text)
		wantOK := err == nil && !strings.ContainsAny(text, "\r\n")
		require.Equal(t, wantOK, ok)
		if ok {
			require.Equal(t, "before"+string(want), string(got))
		}
	})
}

// A byte that is not of the alphabet is seen at every place, whichever it is.
func TestAppendBase64_EveryByte(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		for at := range 23 {
			text := []byte(strings.Repeat("A", 23))
			text[at] = byte(b)
			_, ok := appendBase64(make([]byte, 0, 64), string(text))
			sextet := strings.IndexByte(base64URL, byte(b))
			want := sextet >= 0 && (at < 22 || sextet&3 == 0) // the last two bits stand for nothing
			assert.Equal(t, want, ok, "byte %#x at %d", b, at)
		}
	}
}
