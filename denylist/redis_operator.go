package denylist

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Bounds of the operator's questions, so that each command is short.
const (
	maxScanned = 20_000 // members of the index that one List looks through
	countPrune = 512    // expired members that one step of Counts forgets
)

// Get implements [Operator].
func (r *Redis) Get(ctx context.Context, scope Scope, issuer, id string) (Entry, error) {
	if err := validateName(scope, issuer, id); err != nil {
		return Entry{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Entry{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	found, err := r.read(ctx, []place{r.keys.entry(scope, issuer, id)})
	if err != nil {
		return Entry{}, unavailable("get", because(ctx, err))
	}
	if len(found) == 0 {
		return Entry{}, ErrNotFound
	}
	return found[0].named(issuer, id), nil
}

// Reinstate implements [Operator].
func (r *Redis) Reinstate(ctx context.Context, scope Scope, issuer, id string) (Entry, error) {
	if err := validateName(scope, issuer, id); err != nil {
		return Entry{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Entry{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	at, begun := r.keys.entry(scope, issuer, id), r.pending.tick()
	reply, err := r.run(ctx, reinstateScript, at.partition, []string{at.key}, []any{at.member()})
	if err != nil {
		return Entry{}, r.writeError("reinstate", because(ctx, err))
	}
	r.pending.reinstated(at.key, begun)
	switch reply.word {
	case "absent":
		return Entry{}, ErrNotFound
	case "spent":
		return Entry{}, ErrSpent
	case "ok":
		if reply.field(0) == "" {
			return Entry{}, nil
		}
		left, err := at.entry(reply.field(0))
		if err != nil {
			return Entry{}, r.writeError("reinstate", err)
		}
		return left.named(issuer, id), nil
	}
	return Entry{}, r.writeError("reinstate", errReply)
}

// Counts implements [Operator]. It reads counters that the scripts keep beside
// the index, after it has forgotten what has expired, step by step: exact, and
// never long for Redis, however many entries there are.
func (r *Redis) Counts(ctx context.Context) (Counts, error) {
	var sum Counts
	for p := range r.keys.partitions() {
		c, err := r.countPartition(ctx, p)
		if err != nil {
			return Counts{}, unavailable("counts", err)
		}
		sum.Token += c.Token
		sum.Session += c.Session
		sum.Subject += c.Subject
		sum.Issuer += c.Issuer
	}
	return sum, nil
}

func (r *Redis) countPartition(ctx context.Context, p int) (Counts, error) {
	for {
		reply, err := r.countStep(ctx, p)
		if err != nil {
			return Counts{}, err
		}
		if reply.word != "more" {
			return reply.counts()
		}
	}
}

func (r *Redis) countStep(ctx context.Context, p int) (reply, error) {
	if err := interrupted(ctx); err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	reply, err := r.run(ctx, countScript, p, nil, []any{countPrune})
	return reply, because(ctx, err)
}

// counts are the fields of count.lua's reply.
func (r reply) counts() (Counts, error) {
	if r.word != "ok" || len(r.fields) != 4 {
		return Counts{}, errReply
	}
	var n [4]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(r.fields[i], 10, 64); err != nil {
			return Counts{}, errReply
		}
	}
	return Counts{Token: n[0], Session: n[1], Subject: n[2], Issuer: n[3]}, nil
}

// List implements [Operator]. One call looks through 20,000 members of the
// index at most: where few of them are of the scope that is asked for, a page
// may have fewer entries than the limit although more follow.
func (r *Redis) List(ctx context.Context, q Query) (Page, error) {
	limit, after, err := q.parse()
	if err != nil {
		return Page{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Page{}, err
	}
	page, err := r.list(ctx, q.Scope, limit, after)
	if err != nil {
		return Page{}, unavailable("list", because(ctx, err))
	}
	return page, nil
}

func (r *Redis) list(ctx context.Context, scope Scope, limit int, after position) (Page, error) {
	var page Page
	chunk := min(limit+1, maxPage) // one more, to know whether to go on
	for scanned := 0; scanned < maxScanned; scanned += chunk {
		members, err := r.members(ctx, after, chunk)
		if err != nil {
			return Page{}, err
		}
		entries, err := r.listed(ctx, scope, members)
		if err != nil {
			return Page{}, err
		}
		for _, e := range entries {
			if len(page.Entries) == limit {
				page.Next = positionOf(page.Entries[limit-1]).cursor()
				return page, nil
			}
			page.Entries = append(page.Entries, e)
		}
		if len(members) < chunk {
			return page, nil
		}
		after = members[len(members)-1].position
	}
	page.Next = after.cursor()
	return page, nil
}

// indexed is a member of a partition's index.
type indexed struct {
	position
	partition int
}

// members are the first n members after a position, over all partitions.
func (r *Redis) members(ctx context.Context, after position, n int) ([]indexed, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	var all []indexed
	for p := range r.keys.partitions() {
		some, err := r.membersOf(ctx, p, after, n)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b indexed) int { return a.compare(b.position) })
	return all[:min(n, len(all))], nil
}

// membersOf are the first n members after a position. Many may share its
// score: those before it are skipped, however many they are.
func (r *Redis) membersOf(ctx context.Context, p int, after position, n int) ([]indexed, error) {
	var found []indexed
	for offset := 0; ; offset += n {
		zs, err := r.client.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
			Key: r.keys.index(p), Start: strconv.FormatInt(after.expires, 10), Stop: "+inf", ByScore: true,
			Offset: int64(offset), Count: int64(n),
		}).Result()
		if err != nil {
			return nil, err
		}
		for _, z := range zs {
			at, err := indexPosition(z)
			if err != nil {
				return nil, err
			}
			if at.compare(after) > 0 {
				found = append(found, indexed{at, p})
			}
		}
		if len(found) >= n || len(zs) < n {
			return found[:min(n, len(found))], nil
		}
	}
}

// indexPosition reads a member of the index and its score.
func indexPosition(z redis.Z) (position, error) {
	name, ok := z.Member.(string)
	if !ok || !validMember(name) {
		return position{}, fmt.Errorf("%w in the index: %.120q", errForeign, z.Member)
	}
	return position{expires: int64(z.Score), member: name}, nil
}

// validMember reports whether a text has the form of a member.
func validMember(name string) bool {
	return len(name) == len("t:")+digestLen && name[1] == ':' && scopeOf(name) != 0
}

// scopeOf is the scope that a member begins with; 0: none.
func scopeOf(member string) Scope {
	for _, s := range Scopes() {
		if scopeLetters[s] == member[0] {
			return s
		}
	}
	return 0
}

// listed reads the entries of a scope (0: of all) that members name, in the
// order of a list.
func (r *Redis) listed(ctx context.Context, scope Scope, members []indexed) ([]Entry, error) {
	var places []place
	for _, m := range members {
		if s := scopeOf(m.member); scope == 0 || s == scope {
			places = append(places, place{s, m.partition, r.keys.memberKey(m.partition, m.member)})
		}
	}
	if len(places) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	entries, err := r.read(ctx, places)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return positionOf(a).compare(positionOf(b)) })
	return entries, nil
}
