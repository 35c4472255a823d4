package denylist

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// Every key of schema 1 is built here (docs/redis-schema.md):
//
//	<prefix>:{<p>}:<s>:<digest>   an entry; s is t, s, u or i
//	<prefix>:{<p>}:c:<digest>     the chain of a session
//	<prefix>:{<p>}:m:<s>:<digest> a mark for renewal: marks_redis.go
//	<prefix>:{0}:l:<a|h|p>:<digest> failed logins: throttle.go
//	<prefix>:{<p>}:n:<digest>     the sessions of a subject: inventory_redis.go
//	<prefix>:{<p>}:index          every entry of the partition, by expiry
//	<prefix>:{<p>}:log            every change of the last minutes
//	<prefix>:{<p>}:meta           settings and counters
//	<prefix>:{<p>}:probe          never exists: what a check pretends to write
//
// All keys of a partition are in one slot of a Cluster.
type keys struct {
	heads []string // "<prefix>:{<p>}:" of each partition
	last  *atomic.Pointer[issuerKeys]
}

// issuerKeys are what all tokens of an issuer have in common. Most stores have
// one issuer, or one that is asked about most: the last one is kept.
type issuerKeys struct {
	name  string
	sum   [sha256.Size]byte
	raw   [rawDigestLen]byte // the digest of its entry
	entry place
}

const (
	defaultPrefix = "rescind"
	maxPrefix     = 64
)

func newKeys(prefix string, partitions int) (keys, error) {
	if prefix == "" {
		prefix = defaultPrefix
	}
	if len(prefix) > maxPrefix || strings.ContainsAny(prefix, "{}") {
		return keys{}, fmt.Errorf("%w: prefix: want at most %d bytes and no braces", ErrInvalid, maxPrefix)
	}
	if partitions == 0 {
		partitions = 1
	}
	if partitions != 1 && partitions != 16 {
		return keys{}, fmt.Errorf("%w: %d partitions: want 1 or 16", ErrInvalid, partitions)
	}
	k := keys{heads: make([]string, partitions), last: new(atomic.Pointer[issuerKeys])}
	for p := range k.heads {
		k.heads[p] = prefix + ":{" + strconv.Itoa(p) + "}:"
	}
	return k, nil
}

func (k keys) partitions() int { return len(k.heads) }

func (k keys) meta(p int) string  { return k.heads[p] + "meta" }
func (k keys) index(p int) string { return k.heads[p] + "index" }
func (k keys) log(p int) string   { return k.heads[p] + "log" }
func (k keys) probe(p int) string { return k.heads[p] + "probe" }

// shared are the keys that every script begins with.
func (k keys) shared(p int) []string { return []string{k.meta(p), k.index(p), k.log(p)} }

// partition is that of a digest: the high four bits of its first byte.
func (k keys) partition(first byte) int {
	if len(k.heads) == 1 {
		return 0
	}
	return int(first >> 4)
}

// place is where an entry is kept.
type place struct {
	scope     Scope
	partition int
	key       string
}

// member is the entry's name in the index and in the log.
func (p place) member() string { return p.key[len(p.key)-len("t:")-digestLen:] }

func (k keys) entry(s Scope, issuer, id string) place {
	raw := rawDigest(sha256.Sum256([]byte(issuer)), id)
	p := k.partition(raw[0])
	return place{s, p, k.heads[p] + scopeLetters[s:s+1] + ":" + digestText(raw)}
}

// memberKey is the key of an entry that the index of a partition names.
func (k keys) memberKey(p int, member string) string { return k.heads[p] + member }

// issuer returns the keys of an issuer.
func (k keys) issuer(name string) *issuerKeys {
	if i := k.last.Load(); i != nil && i.name == name {
		return i
	}
	name = strings.Clone(name) // it may be a part of a larger text
	i := &issuerKeys{name: name, sum: sha256.Sum256([]byte(name)), entry: k.entry(ScopeIssuer, name, "")}
	i.raw = rawDigest(i.sum, "")
	k.last.Store(i)
	return i
}

// places are those of the entries that may deny t, from the narrowest; nobody
// writes to them. A prepared token keeps them for the store that asked last.
func (k keys) places(t Token) []place {
	if !t.prepared.of(&t) {
		return k.build(t)
	}
	if kept := t.prepared.kept.Load(); kept != nil && kept.store == k.last {
		return kept.places
	}
	places := k.build(t)
	t.prepared.kept.Store(&keptPlaces{store: k.last, places: places})
	return places
}

// build returns places. The path of every check of a token that is not
// prepared: the keys are cut from one string.
func (k keys) build(t Token) []place {
	var (
		issuer = k.issuer(t.Issuer)
		names  = t.digests(k)
		room   [3 * (maxPrefix + len(":{15}:t:") + digestLen)]byte
		text   = room[:0]
		ends   [3]int
		ps     = make([]place, 0, 4)
	)
	for s, id := range t.ids() {
		if id == "" {
			continue
		}
		p := k.partition(names[s][0])
		text = append(append(text, k.heads[p]...), scopeLetters[s], ':')
		text = base64.RawURLEncoding.AppendEncode(text, names[s][:])
		ends[len(ps)] = len(text)
		ps = append(ps, place{scope: Scope(s), partition: p})
	}
	keys, from := string(text), 0
	for i := range ps {
		ps[i].key, from = keys[from:ends[i]], ends[i]
	}
	return append(ps, issuer.entry)
}

// chain is the key of a session's chain, and its partition.
func (k keys) chain(issuer, session string) (key string, p int) {
	raw := rawDigest(sha256.Sum256([]byte(issuer)), session)
	p = k.partition(raw[0])
	return k.heads[p] + "c:" + digestText(raw), p
}
