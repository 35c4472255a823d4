package denylist

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// Every key of schema 1 is built here (docs/redis-schema.md):
//
//	<prefix>:{<p>}:<s>:<digest>   an entry; s is t, s, u or i
//	<prefix>:{<p>}:c:<digest>     the chain of a session
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

// partition is that of a digest: the high four bits of its first byte, which
// are those of its first character.
func (k keys) partition(first byte) int {
	if len(k.heads) == 1 {
		return 0
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return strings.IndexByte(alphabet, first) >> 2
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
	d := digest(issuer, id)
	p := k.partition(d[0])
	return place{s, p, k.heads[p] + scopeLetters[s:s+1] + ":" + d}
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
	k.last.Store(i)
	return i
}

// places are those of the entries that may deny t, from the narrowest. The
// path of every check: the keys are cut from one string.
func (k keys) places(t Token) []place {
	var (
		issuer = k.issuer(t.Issuer)
		ids    = [...]string{ScopeToken: t.ID, ScopeSession: t.Session, ScopeSubject: t.Subject}
		room   [3 * (maxPrefix + len(":{15}:t:") + digestLen)]byte
		text   = room[:0]
		ends   [3]int
		ps     = make([]place, 0, 4)
	)
	for s := ScopeToken; s <= ScopeSubject; s++ {
		if ids[s] == "" {
			continue
		}
		var d [digestLen]byte
		appendDigest(d[:0], issuer.sum, ids[s])
		p := k.partition(d[0])
		text = append(append(append(text, k.heads[p]...), scopeLetters[s], ':'), d[:]...)
		ends[len(ps)] = len(text)
		ps = append(ps, place{scope: s, partition: p})
	}
	keys, from := string(text), 0
	for i := range ps {
		ps[i].key, from = keys[from:ends[i]], ends[i]
	}
	return append(ps, issuer.entry)
}

// chain is the key of a session's chain, and its partition.
func (k keys) chain(issuer, session string) (key string, p int) {
	d := digest(issuer, session)
	p = k.partition(d[0])
	return k.heads[p] + "c:" + d, p
}
