package main

// bar is one line of the table: what is promised, and where the figures are.
type bar struct {
	name, what string
	target     target
	time, cpu  source // nil: not a matter of this bar
	why        string // it is missed, where it is
}

// target is a bound of a multiple, or of a number of something.
type target struct {
	bound string // "≥", "≤"; empty: the line is for information
	value float64
	unit  string // "×", "B", "allocs"
}

func atLeast(times float64) target { return target{"≥", times, "×"} }
func atMost(times float64) target  { return target{"≤", times, "×"} }

// The reasons for what is missed.
const (
	whyHot    = "half of a verdict is to read the clock, and much of the rest to compare the whole token"
	whyHash   = "to read the clock takes twice as long as one hash of a token, and to compare the token nearly as long as one"
	whyStrict = "a check asks for a key of each scope, where EXISTS asks for one"
	whyWait   = "what is left is to park who waits, and to wake them"
	whyRest   = "over its share of what all mirrors of a Redis may read, a mirror rests before it reads what came"
	whyLone   = "there are two wake-ups in it, of Redis's reader and of who asks, on busy cores"
	whyHTTP   = "five headers say who asks"
	whyNaive  = "net/http and the log record of each request are most of it"
	whyBytes  = "an entry names its issuer and its id, so that it can be shown and given back"
)

// bars are those that are measured, in their order.
func bars() []bar {
	var all []bar
	all = append(all, hot()...)
	all = append(all, first()...)
	all = append(all, strict()...)
	all = append(all, mirrors()...)
	all = append(all, overHTTP()...)
	all = append(all, memory()...)
	return append(all, writes()...)
}

func hot() []bar {
	over := func(run string) (time, cpu source) {
		r := ratio{run: run, of: "verify-cached", over: "naive", at: 64, inverse: true}
		return r.wall(), r.cpu(everybody)
	}
	hsTime, hsCPU := over("hot-hs256")
	esTime, esCPU := over("hot-es256")
	hash := ratio{run: "hash", of: "verify-cached", over: "hash", at: 1}
	return []bar{
		{"B1", "hot verdict, 1M entries, 64 workers: throughput over naive HS256", atLeast(400), hsTime, hsCPU, whyHot},
		{"B1", "hot verdict, 1M entries, 64 workers: throughput over naive ES256", atLeast(900), esTime, esCPU, whyHot},
		{"B1", "hot verdict: allocations", target{"≤", 0, "allocs"}, allocs("verify-cached"), nil, "something of a verdict escapes to the heap"},
		{"B2", "hot verdict over one xxh3 of the token", atMost(4), hash.wall(), hash.cpu(client), whyHash},
	}
}

// algorithms are those that are measured, as files are named by them.
func algorithms() []string { return []string{"HS256", "RS256", "ES256", "EdDSA"} }

func first() []bar {
	overCrypto := map[string]float64{"HS256": 4, "RS256": 1.10, "ES256": 1.10, "EdDSA": 1.10}
	overNaive := map[string]float64{"HS256": 50, "RS256": 3, "ES256": 2, "EdDSA": 2.5}
	var all []bar
	for _, alg := range algorithms() {
		r := ratio{run: "first-" + lower(alg), of: "verify-mirror", over: "crypto", at: 1}
		all = append(all, bar{"B3", "first sight, mirror, over the bare signature check: " + alg, atMost(overCrypto[alg]), r.wall(), r.cpu(client), whyFirst(alg)})
	}
	for _, alg := range algorithms() {
		r := ratio{run: "mirror-" + lower(alg), of: "verify-mirror", over: "naive", at: 64, inverse: true}
		bare := r
		bare.of = "crypto"
		all = append(all,
			bar{"B4", "first sight, mirror, 64 workers: throughput over naive " + alg, atLeast(overNaive[alg]), r.wall(), r.cpu(everybody), whyFirst(alg)},
			bar{"–", "the bare signature check in its place", target{unit: "×"}, bare.wall(), bare.cpu(everybody), ""})
	}
	return all
}

// whyFirst is why a first sight costs more, or saves less.
func whyFirst(alg string) string {
	if alg == "HS256" {
		return "the token is read strictly, and its digest made: an HMAC is too fast to hide that"
	}
	return "nearly all of it is the signature check, which both do"
}

// confirmed says what a confirmed answer takes: nothing is given for nothing.
const confirmed = "confirmed (a mirror's memory)"

func strict() []bar {
	var all []bar
	for _, alg := range []string{"HS256", "ES256"} {
		for _, of := range []struct{ scenario, what, why string }{
			{"verify", "seen before, by keys", whyStrict},
			{"verify-confirmed", "seen before, " + confirmed, whyWait},
			{"verify-first", "first sight, by keys", whyStrict},
		} {
			for _, at := range []int{64, 256, 1} {
				want := map[string]float64{"HS256": 8, "ES256": 1.6}[alg]
				if at == 1 {
					want = 0.95
				}
				r := ratio{run: "strict-" + lower(alg), of: of.scenario, over: "naive", at: at, inverse: true}
				what := "strict verdict, " + of.what + ", " + workers(at) + ": throughput over naive " + alg
				all = append(all, bar{"B5", what, atLeast(want), r.wall(), r.cpu(everybody), of.why})
			}
		}
	}
	for _, of := range []struct{ scenario, what, why string }{
		{"check-miss", "by keys", whyStrict}, {"check-confirmed", confirmed, whyWait},
	} {
		plain := ratio{run: "check", of: of.scenario, over: "exists", at: 256, inverse: true}
		piped := plain
		piped.over = "exists-piped"
		what := "strict check alone, of ids, " + of.what + ", 256 workers: throughput over go-redis EXISTS of a jti"
		all = append(all,
			bar{"B6", what, atLeast(8), plain.wall(), plain.cpu(everybody), of.why},
			bar{"B6", "the same over its auto-pipelining", atLeast(1.5), piped.wall(), piped.cpu(everybody), of.why})
	}
	return all
}

func mirrors() []bar {
	lone := ratio{run: "propagation-lone", of: "propagation", over: "revoke", at: 1}
	busy := ratio{run: "propagation-busy", of: "propagation", over: "revoke", at: 16}
	return []bar{
		{"B7", "whole hot verdict, mirror of 10M entries over one of 10k, 512 tokens", atMost(1.25), golang{"MirrorHot/tokens=512", "x/10k"}, nil, "one miss of the cache more"},
		{"B7", "the same, 100k tokens, which no cache of a processor holds", atMost(1.6), golang{"MirrorHot/tokens=100000", "x/10k"}, nil, "two misses of the cache more"},
		{"B8", "mirror of 10M entries: bytes of heap for each", target{"≤", 28, "B"}, golang{"MirrorTable_Bytes/entries=10000000", "heap-B/entry"}, nil, "the table has just grown"},
		{"B8", "garbage collection beside 10M entries over that beside none", atMost(2), golang{"MirrorTable_GC", "x/none"}, nil, "noise: the table has no pointers"},
		{"B9", "cold start of a mirror of 1M entries: how much faster than SCAN and PEXPIRETIME", atLeast(3), golang{"MirrorLoad", "x/SCAN"}, golang{"MirrorLoad", "cpu-x/SCAN"}, "the index is read by its members"},
		{"B10", "propagation over the writer's own round trip, three revocations a second: p50", atMost(2), lone.p50(), nil, whyLone},
		{"B10", "the same: p99", atMost(3), lone.p99(), nil, whyLone},
		{"B10", "propagation, thirty revocations a second: p50", atMost(2), busy.p50(), nil, whyRest},
		{"B10", "the same: p99", atMost(3), busy.p99(), nil, whyRest},
	}
}

func overHTTP() []bar {
	var all []bar
	for _, of := range []struct {
		alg  string
		want float64
	}{{"HS256", 3}, {"ES256", 5}} {
		r := ratio{run: "http-" + lower(of.alg), of: "/v1/verify", over: "/healthz", at: 64}
		naive := r
		naive.over, naive.inverse = "/verify", true
		all = append(all,
			bar{"B11", "forward auth, hot, over a handler that checks nothing, server: " + of.alg, atMost(1.15), nil, r.cpu(server), whyHTTP},
			bar{"B11", "how much less than a naive handler, server: " + of.alg, atLeast(of.want), nil, naive.cpu(server), whyNaive})
	}
	return all
}

// memory is in bytes of Redis, over the string that people write today.
func memory() []bar {
	return []bar{
		{"B12", "Redis: a revoked token with its index member over a plain key", atMost(2.4), bytes("entry and index member"), nil, whyBytes},
		{"B12", "a session, however often it refreshes", atMost(1.8), bytes("chain"), nil, whyBytes},
		{"B12", "a log entry", atMost(0.45), bytes("log record"), nil, whyBytes},
	}
}

// writes are no bars: what else it costs.
func writes() []bar {
	var all []bar
	for _, of := range []struct{ scenario, what string }{{"revoke", "a revocation"}, {"rotate", "an exchange"}} {
		for _, at := range []int{1, 64} {
			r := ratio{run: "write", of: of.scenario, over: "exists", at: at}
			all = append(all, bar{"–", of.what + " over go-redis EXISTS, " + workers(at), target{unit: "×"}, r.wall(), r.cpu(everybody), ""})
		}
	}
	return all
}
