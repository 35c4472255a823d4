package verifier

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// badToken is one row of the table of bad input.
type badToken struct {
	name string
	raw  string
	want error
}

// badForges make the bad tokens. The issuer has two keys, so that a kid is
// needed to choose.
type badForges struct{ hs, rs, stranger *forge }

func newBadForges(tb testing.TB) badForges {
	return badForges{newForge(tb, HS256), newForge(tb, RS256), newForge(tb, ES256)}
}

func (f badForges) verifier(list Denylist) *Verifier {
	f.hs.tb.Helper()
	ours := f.hs.issuer()
	ours.Keys = Keys{f.hs.key, f.rs.key}
	other := Issuer{Name: "https://other.example", Keys: Keys{f.stranger.key}, Audiences: []string{testAudience}}
	v, err := New(list, []Issuer{ours, other}, Options{Now: testClock})
	require.NoError(f.hs.tb, err)
	return v
}

// badTokens is every way to get a token wrong that a verifier must see
// without asking the denylist.
func badTokens(tb testing.TB) []badToken {
	f := newBadForges(tb)
	var rows []badToken
	for _, part := range []func(badForges) []badToken{badSizes, badSegments, badHeaders, badKeys, badJSON, badIDs, badTimes, badParties} {
		rows = append(rows, part(f)...)
	}
	return rows
}

func badSizes(f badForges) []badToken {
	padded := f.hs.token()
	return []badToken{
		{"nothing", "", ErrMissing},
		{"8193 bytes", padded + strings.Repeat("A", MaxTokenSize+1-len(padded)), ErrTooLarge},
		{"8192 bytes", padded + strings.Repeat("A", MaxTokenSize-len(padded)), ErrSignature},
		{"1 MB signed", f.hs.token(map[string]any{"pad": strings.Repeat("a", 1<<20)}), ErrTooLarge},
		{"1 MB of dots", strings.Repeat(".", 1<<20), ErrTooLarge},
		{"8 KiB of dots", strings.Repeat(".", MaxTokenSize), ErrMalformed},
		{"10,000 deep", f.hs.text(f.hs.header(), `{"a":`+strings.Repeat("[", 10_000)), ErrTooLarge},
		{"5,000 deep", f.hs.text(f.hs.header(), `{"a":`+strings.Repeat("[", 5_000)), ErrMalformed},
		{"33 deep", f.hs.text(f.hs.header(), `{"a":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+"}"), ErrMalformed},
	}
}

func badSegments(f badForges) []badToken {
	good := f.hs.token()
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	other := f.hs.token(map[string]any{"jti": "token-2"})
	rows := []badToken{
		{"one segment", header, ErrMalformed},
		{"two segments", header + "." + payload, ErrMalformed},
		{"four segments", good + ".", ErrMalformed},
		{"five segments, a JWE", good + "." + payload + "." + signature, ErrMalformed},
		{"only dots", "..", ErrMalformed},
		{"empty header", "." + payload + "." + signature, ErrMalformed},
		{"empty payload", header + ".." + signature, ErrMalformed},
		{"empty signature", header + "." + payload + ".", ErrSignature},
		{"short signature", header + "." + payload + "." + segment("short"), ErrSignature},
		{"another token's signature", header + "." + payload + other[strings.LastIndexByte(other, '.'):], ErrSignature},
		{"JSON serialization", fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, header, payload, signature), ErrMalformed},
	}
	for i, honest := range []string{header, payload, signature} {
		put := func(changed string) string {
			segments := []string{header, payload, signature}
			segments[i] = changed
			return strings.Join(segments, ".")
		}
		for what, changed := range map[string]string{
			"CR":                    honest[:5] + "\r" + honest[5:],
			"LF":                    honest[:5] + "\n" + honest[5:],
			"CR LF at its end":      honest + "\r\n",
			"a space":               honest[:5] + " " + honest[5:],
			"plus":                  honest[:5] + "+" + honest[6:],
			"slash":                 honest[:5] + "/" + honest[6:],
			"padding":               honest + "=",
			"full padding":          honest + strings.Repeat("=", 4-len(honest)%4),
			"one letter more":       honest + strings.Repeat("A", (5-len(honest)%4)%4),
			"NUL":                   honest + "\x00",
			"a letter of two bytes": "é" + honest,
		} {
			rows = append(rows, badToken{fmt.Sprintf("%s in segment %d", what, i+1), put(changed), ErrMalformed})
		}
	}
	// The last letter of 32 bytes has two bits that are never set, of 16 four.
	last := strings.IndexByte(base64URL, signature[len(signature)-1])
	twin := signature[:len(signature)-1] + base64URL[last|1:last|1+1]
	short := segment(`{"alg":"HS256" }`)
	return append(rows,
		badToken{"trailing bits in the signature", header + "." + payload + "." + twin, ErrMalformed},
		badToken{"trailing bits in the header", short[:len(short)-1] + "R." + payload + "." + signature, ErrMalformed})
}

func badHeaders(f badForges) []badToken {
	with := func(member string) string {
		return f.hs.text(strings.TrimSuffix(f.hs.header(), "}")+","+member+"}", f.hs.payload())
	}
	alg := func(alg string) string {
		return f.hs.text(fmt.Sprintf(`{"alg":%s,"typ":"at+jwt","kid":"test-HS256"}`, alg), f.hs.payload())
	}
	rows := []badToken{
		{"alg absent", f.hs.text(`{"typ":"at+jwt","kid":"test-HS256"}`, f.hs.payload()), ErrAlgorithm},
		{"alg null", alg(`null`), ErrHeader},
		{"alg a number", alg(`256`), ErrHeader},
		{"alg an array", alg(`["HS256"]`), ErrHeader},
		{"alg in lower case", alg(`"hs256"`), ErrAlgorithm},
		{"alg of the same family", alg(`"HS512"`), ErrAlgorithm},
		{"alg of another family", alg(`"ES256"`), ErrAlgorithm},
		{"alg of encryption", alg(`"RSA-OAEP"`), ErrAlgorithm},
		{"crit", with(`"crit":["exp"]`), ErrHeader},
		{"crit, empty", with(`"crit":[]`), ErrHeader},
		{"crit, unknown", with(`"crit":["urn:example"],"urn:example":1`), ErrHeader},
		{"b64 false", with(`"b64":false`), ErrHeader},
		{"b64 true", with(`"b64":true`), ErrHeader},
		{"zip", with(`"zip":"DEF"`), ErrHeader},
		{"enc", with(`"enc":"A128GCM"`), ErrHeader},
		{"jwk", with(`"jwk":{"kty":"oct","k":"AAAA"}`), ErrHeader},
		{"jwk null", with(`"jwk":null`), ErrHeader},
		{"jku", with(`"jku":"https://evil.example/jwks.json"`), ErrHeader},
		{"x5u", with(`"x5u":"https://evil.example/cert.pem"`), ErrHeader},
		{"x5c", with(`"x5c":["AAAA"]`), ErrHeader},
		{"nested token", with(`"cty":"JWT"`), ErrHeader},
		{"nested token, media type", with(`"cty":"application/jwt"`), ErrHeader},
		{"cty a number", with(`"cty":1`), ErrHeader},
		{"header not an object", f.hs.text(`[]`, f.hs.payload()), ErrMalformed},
		{"header twice alg", with(`"alg":"none"`), ErrMalformed},
		{"header twice alg, escaped", with(`"\u0061lg":"none"`), ErrMalformed},
		{"header in capitals", with(`"CRIT":["exp"]`), ErrMalformed},
		{"header with a Kelvin sign", with(`"jw\u212a":{}`), ErrMalformed},
		{"header twice an unknown name", with(`"x":1,"x":1`), ErrMalformed},
		{"typ absent", f.hs.text(`{"alg":"HS256","kid":"test-HS256"}`, f.hs.payload()), ErrType},
		{"typ JWT", f.hs.text(`{"alg":"HS256","kid":"test-HS256","typ":"JWT"}`, f.hs.payload()), ErrType},
		{"typ of a refresh token", f.hs.text(`{"alg":"HS256","kid":"test-HS256","typ":"rt+jwt"}`, f.hs.payload()), ErrType},
		{"typ a number", f.hs.text(`{"alg":"HS256","kid":"test-HS256","typ":1}`, f.hs.payload()), ErrHeader},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "none ", " none", "", "null"} {
		signed := alg(fmt.Sprintf("%q", none))
		unsigned := signed[:strings.LastIndexByte(signed, '.')+1]
		rows = append(rows,
			badToken{fmt.Sprintf("alg %q, signed", none), signed, ErrAlgorithm},
			badToken{fmt.Sprintf("alg %q, unsigned", none), unsigned, ErrAlgorithm})
	}
	return rows
}

func badKeys(f badForges) []badToken {
	kid := func(kid string) string {
		return f.hs.text(fmt.Sprintf(`{"alg":"HS256","typ":"at+jwt","kid":%s}`, kid), f.hs.payload())
	}
	der, err := x509.MarshalPKIXPublicKey(f.rs.public())
	require.NoError(f.rs.tb, err)
	confused := *f.hs
	confused.secret = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return []badToken{
		{"HMAC with an RSA public key", confused.text(`{"alg":"HS256","typ":"at+jwt","kid":"test-RS256"}`, f.hs.payload()), ErrAlgorithm},
		{"kid unknown", kid(`"nobody"`), ErrUnknownKey},
		{"kid missing, two keys", f.hs.text(`{"alg":"HS256","typ":"at+jwt"}`, f.hs.payload()), ErrUnknownKey},
		{"kid empty", kid(`""`), ErrUnknownKey},
		{"kid like a path", kid(`"../../../../dev/null"`), ErrUnknownKey},
		{"kid like SQL", kid(`"' UNION SELECT 'AAAA"`), ErrUnknownKey},
		{"kid with NUL", kid(`"test-HS256\u0000"`), ErrUnknownKey},
		{"kid of 256 bytes", kid(`"` + strings.Repeat("k", 256) + `"`), ErrUnknownKey},
		{"kid of 257 bytes", kid(`"` + strings.Repeat("k", 257) + `"`), ErrHeader},
		{"kid of 5,000 bytes", kid(`"` + strings.Repeat("k", 5_000) + `"`), ErrHeader},
		{"kid a number", kid(`1`), ErrHeader},
		{"kid null", kid(`null`), ErrHeader},
		{"kid an object", kid(`{}`), ErrHeader},
		{"another issuer's key", f.stranger.token(), ErrUnknownKey},
		{"another issuer's key, our kid", f.stranger.text(f.hs.header(), f.hs.payload()), ErrSignature},
		{"our key, another issuer", f.hs.token(map[string]any{"iss": "https://other.example"}), ErrUnknownKey},
	}
}

func badJSON(f badForges) []badToken {
	payload := func(payload string) string { return f.hs.text(f.hs.header(), payload) }
	with := func(members string) string {
		return payload(strings.TrimSuffix(f.hs.payload(), "}") + "," + members + "}")
	}
	return []badToken{
		{"payload an array", payload(`[]`), ErrMalformed},
		{"payload a string", payload(`"a"`), ErrMalformed},
		{"payload a number", payload(`1`), ErrMalformed},
		{"payload null", payload(`null`), ErrMalformed},
		{"payload not JSON", payload(`iss=me`), ErrMalformed},
		{"payload a token", payload(f.hs.token()), ErrMalformed},
		{"payload unfinished", payload(strings.TrimSuffix(f.hs.payload(), "}")), ErrMalformed},
		{"payload twice", payload(f.hs.payload() + f.hs.payload()), ErrMalformed},
		{"payload with a byte order mark", payload("\ufeff" + f.hs.payload()), ErrMalformed},
		{"jti twice", with(`"jti":"token-1"`), ErrMalformed},
		{"jti twice, once escaped", with(`"\u006ati":"token-2"`), ErrMalformed},
		{"an unknown claim twice", with(`"x":1,"\u0078":2`), ErrMalformed},
		{"a claim twice, deep", with(`"x":[{"y":1,"y":1}]`), ErrMalformed},
		{"JTI", with(`"JTI":"token-2"`), ErrMalformed},
		{"Exp", with(`"Exp":1`), ErrMalformed},
		{"iſs", with(`"iſs":"evil"`), ErrMalformed},
		{"iſs, escaped", with(`"i\u017fs":"evil"`), ErrMalformed},
		{"JTI in place of jti", f.hs.token(map[string]any{"jti": nil, "JTI": "a"}), ErrMalformed},
		{"invalid UTF-8 in jti", payload(strings.Replace(f.hs.payload(), "token-1", "\xff\xfe", 1)), ErrMalformed},
		{"invalid UTF-8 in a name", with("\"\xc3\x28\":1"), ErrMalformed},
		{"half a surrogate pair", with(`"x":"\ud83d"`), ErrMalformed},
		{"a trailing comma", payload(strings.TrimSuffix(f.hs.payload(), "}") + ",}"), ErrMalformed},
		{"a comment", payload(f.hs.payload() + "//"), ErrMalformed},
		{"NaN", with(`"x":NaN`), ErrMalformed},
	}
}

func badIDs(f badForges) []badToken {
	var rows []badToken
	long := strings.Repeat("a", 257)
	for _, claim := range []string{"jti", "sub", "sid", "client_id"} {
		for what, bad := range map[string]any{
			"empty": "", "null": jsontext.Value("null"), "a number": 1, "true": true, "an array": []string{"a"}, "an object": jsontext.Value("{}"),
			"257 bytes": long, "5,000 bytes": strings.Repeat("a", 5_000), "257 bytes of 129 characters": strings.Repeat("é", 128) + "a",
			"NUL": "a\x00b", "newline": "a\nb", "escape": "\x1b[2J", "DEL": "a\x7f", "a C1 control": "a\u0085b",
		} {
			rows = append(rows, badToken{claim + " " + what, f.hs.token(map[string]any{claim: bad}), ErrClaims})
		}
	}
	for claim, bad := range map[string][]any{
		"jti":         {nil},
		"aud":         {1, true, jsontext.Value("null"), []any{testAudience, 1}, []any{[]string{testAudience}}, strings.Split(strings.Repeat("api,", maxAudiences)+"api", ",")},
		"scope":       {1, jsontext.Value("null"), []any{"read", 1}, []any{"read write"}, []any{""}, jsontext.Value("{}")},
		"rot":         {-1, 1.5, "1", jsontext.Value("1e3"), jsontext.Value("9223372036854775808")},
		"auth_ms":     {-1, 1.5, "1"},
		"auth_time":   {-1, "1", jsontext.Value("null")},
		"session_exp": {-1, "1", jsontext.Value("null")},
		"renewable":   {1, "true", jsontext.Value("null")},
	} {
		for _, v := range bad {
			rows = append(rows, badToken{fmt.Sprintf("%s %.60v", claim, v), f.hs.token(map[string]any{claim: v}), ErrClaims})
		}
	}
	return rows
}

func badTimes(f badForges) []badToken {
	const century = 100 * 365 * 24 * time.Hour
	now := testNow.Unix()
	row := func(name string, want error, claim string, v any) badToken {
		return badToken{name, f.hs.token(map[string]any{claim: v}), want}
	}
	number := func(text string) jsontext.Value { return jsontext.Value(text) }
	return []badToken{
		row("exp absent", ErrClaims, "exp", nil),
		row("exp null", ErrClaims, "exp", number("null")),
		row("exp a string", ErrClaims, "exp", fmt.Sprint(now+60)),
		row("exp negative", ErrClaims, "exp", -1),
		row("exp 1e400", ErrLifetime, "exp", number("1e400")),
		row("exp -1e400", ErrClaims, "exp", number("-1e400")),
		row("exp 18446744073709552", ErrLifetime, "exp", number("18446744073709552")),
		row("exp 18446744073709552000", ErrLifetime, "exp", number("18446744073709552000")),
		row("exp in the year 10000", ErrLifetime, "exp", maxSeconds+1),
		row("exp a century ahead", ErrLifetime, "exp", testNow.Add(century).Unix()),
		row("exp a second over the policy", ErrLifetime, "exp", now+24*60*60+1),
		row("exp a nanosecond over the policy", ErrLifetime, "exp", number(fmt.Sprint(now+24*60*60)+".000000001")),
		row("exp as iat", ErrLifetime, "exp", now),
		row("exp before iat", ErrLifetime, "exp", now-1),
		{"exp passed", f.hs.token(map[string]any{"iat": now - 60, "exp": now - 1}), ErrExpired},
		{"exp now", f.hs.token(map[string]any{"iat": now - 60, "exp": now}), ErrExpired},
		row("iat absent", ErrClaims, "iat", nil),
		row("iat a string", ErrClaims, "iat", fmt.Sprint(now)),
		row("iat negative", ErrClaims, "iat", -1),
		row("iat 1e400", ErrLifetime, "iat", number("1e400")),
		row("iat in the future", ErrNotYetValid, "iat", now+1),
		row("iat a nanosecond in the future", ErrNotYetValid, "iat", number(fmt.Sprint(now)+".000000001")),
		row("nbf in the future", ErrNotYetValid, "nbf", now+1),
		row("nbf 1e400", ErrNotYetValid, "nbf", number("1e400")),
		row("nbf a string", ErrClaims, "nbf", fmt.Sprint(now)),
		row("nbf null", ErrClaims, "nbf", number("null")),
	}
}

func badParties(f badForges) []badToken {
	row := func(name string, want error, claim string, v any) badToken {
		return badToken{name, f.hs.token(map[string]any{claim: v}), want}
	}
	return []badToken{
		row("iss absent", ErrIssuer, "iss", nil),
		row("iss null", ErrIssuer, "iss", jsontext.Value("null")),
		row("iss a number", ErrIssuer, "iss", 1),
		row("iss unknown", ErrIssuer, "iss", "https://evil.example"),
		row("iss with a slash more", ErrIssuer, "iss", testIssuer+"/"),
		row("iss in capitals", ErrIssuer, "iss", strings.ToUpper(testIssuer)),
		row("aud absent", ErrAudience, "aud", nil),
		row("aud another", ErrAudience, "aud", "other"),
		row("aud in capitals", ErrAudience, "aud", "API"),
		row("aud empty", ErrAudience, "aud", ""),
		row("aud an empty array", ErrAudience, "aud", []string{}),
		row("aud others", ErrAudience, "aud", []string{"other", "ap", "apis"}),
	}
}

// Each row has its sentinel and no other, and the denylist hears of none.
func TestR1_BadInput(t *testing.T) {
	t.Parallel()
	var asked list
	v := newBadForges(t).verifier(&asked)
	for _, row := range badTokens(t) {
		claims, err := v.Verify(t.Context(), row.raw)
		assert.ErrorIs(t, err, row.want, row.name)
		assert.Zero(t, claims, row.name)
		for _, other := range refusals {
			if other.err != row.want {
				assert.NotErrorIs(t, err, other.err, row.name)
			}
		}
		if len(row.raw) > 20 && err != nil {
			assert.NotContains(t, err.Error(), row.raw[len(row.raw)-20:], row.name)
		}
	}
	assert.Empty(t, asked.asked)
}

// What is refused for its size costs no memory, however large it is.
func TestR1_HugeTokensCostNothing(t *testing.T) {
	v := newBadForges(t).verifier(&list{})
	for _, raw := range []string{strings.Repeat(".", MaxTokenSize+1), strings.Repeat(".", 1<<20), strings.Repeat("A", 1<<24)} {
		allocs := testing.AllocsPerRun(10, func() { _, _ = v.Verify(t.Context(), raw) })
		assert.LessOrEqual(t, allocs, 6.0, "%d bytes", len(raw))
	}
}
