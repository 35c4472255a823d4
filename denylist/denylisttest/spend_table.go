package denylisttest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// situation is a session that has exchanged its fourth token, and the attempt
// that comes next. What a row of the table leaves alone is the best that it
// can be: the same token, a fresh attempt without a key, the window open,
// nothing expired or revoked.
type situation struct {
	// The exchange on record:
	firstKey string
	deadNext bool // its successor has expired
	fresh    bool // there is none
	rotated  bool // another exchange denies the token
	// The attempt:
	token     func(*denylist.Token)
	same      bool // the attempt on record again
	key       string
	windowOff bool
	windowEnd bool // the window is over
	revoked   denylist.Scope
}

// answer is what Spend says: an error, or whether the attempt won.
type answer struct {
	err      error
	replayed bool
}

// spendTable is the table of [denylist.Spender] in its order. Under the name
// of each line stand the cases that reach it; "beats" says that a later line
// would have matched too.
func spendTable(f *fixture) {
	var (
		won        = answer{}
		replayed   = answer{replayed: true}
		reused     = answer{err: denylist.ErrReused}
		expired    = answer{err: denylist.ErrExpired}
		revoked    = answer{err: denylist.ErrRevoked}
		dead       = func(t *denylist.Token) { t.ExpiresAt = t.Login.Add(-time.Second) }
		deadNow    = func(t *denylist.Token) { t.ExpiresAt = t.Login }
		older      = func(t *denylist.Token) { t.Rotation, t.ID = 2, "third" }
		another    = func(t *denylist.Token) { t.ID = "another" }
		impostor   = func(t *denylist.Token) { t.Rotation, t.ID = 4, "impostor" }
		child      = func(t *denylist.Token) { t.Rotation, t.ID = 4, successor(*t, "first").ID }
		later      = func(t *denylist.Token) { t.Rotation, t.ID = 5, "sixth" }
		stranger   = func(t *denylist.Token) { t.Session, t.Rotation = t.Session+", another", 0 }
		and        = func(a, b func(*denylist.Token)) func(*denylist.Token) { return func(t *denylist.Token) { a(t); b(t) } }
		olderID    = func(t *denylist.Token) { t.Rotation = 2 }
		laterChild = func(t *denylist.Token) { t.Rotation, t.ID = 5, successor(*t, "first").ID }
	)
	for _, line := range []struct {
		line  string
		cases map[string]situation
		want  answer
	}{
		{"1 the successor on record, t not denied", map[string]situation{
			"a lost reply":                        {same: true},
			"beats expired":                       {same: true, token: dead},
			"beats another key":                   {same: true, firstKey: "k", key: "other"},
			"beats no key":                        {same: true, firstKey: "k"},
			"beats the window's end":              {same: true, windowEnd: true},
			"beats a window of 0":                 {same: true, windowOff: true},
			"beats replayed":                      {same: true, firstKey: "k", key: "k"},
			"beats the successor's end":           {same: true, deadNext: true},
			"t denied, but by an exchange":        {same: true, rotated: true},
			"everything at once, but not revoked": {same: true, token: dead, firstKey: "k", key: "other", windowOff: true, deadNext: true},
		}, won},
		{"2 t expired", map[string]situation{
			"in a session without exchanges":   {fresh: true, token: dead},
			"at the millisecond of its exp":    {fresh: true, token: deadNow},
			"the successor":                    {token: and(child, dead)},
			"beats a later rotation":           {token: and(older, dead)},
			"beats another jti":                {token: and(another, dead)},
			"beats another key":                {token: dead, firstKey: "k", key: "other"},
			"beats the window's end":           {token: dead, windowEnd: true},
			"beats revoked":                    {token: dead, revoked: denylist.ScopeSession},
			"beats replayed":                   {token: dead},
			"the attempt on record, t revoked": {token: dead, same: true, revoked: denylist.ScopeToken},
		}, expired},
		{"3 a later rotation, another jti, not the successor on record", map[string]situation{
			"a later rotation":                     {token: older},
			"a later rotation than t's, t's jti":   {token: olderID},
			"t's rotation, another jti":            {token: another},
			"the next rotation, not the successor": {token: impostor},
			"another jti, the attempt on record":   {token: another, same: true},
			"beats another key":                    {token: older, firstKey: "k", key: "other"},
			"beats revoked":                        {token: older, revoked: denylist.ScopeSession},
			"beats revoked, another jti":           {token: another, revoked: denylist.ScopeIssuer},
			"beats revoked, the next rotation":     {token: impostor, revoked: denylist.ScopeSubject},
			"beats replayed with the key":          {token: another, firstKey: "k", key: "k"},
			"beats the successor's end":            {token: another, deadNext: true},
		}, reused},
		{"4 spent with a key, s has another or none", map[string]situation{
			"another, though the window is open": {firstKey: "k", key: "other"},
			"none, though the window is open":    {firstKey: "k"},
			"beats the window's end":             {firstKey: "k", windowEnd: true},
			"beats revoked":                      {firstKey: "k", key: "other", revoked: denylist.ScopeToken},
			"beats the successor's end":          {firstKey: "k", deadNext: true},
			"the attempt on record, revoked":     {firstKey: "k", same: true, revoked: denylist.ScopeSession},
		}, reused},
		{"5 spent without a key, the window is over or 0", map[string]situation{
			"over":                           {windowEnd: true},
			"0":                              {windowOff: true},
			"a key that comes too late":      {windowEnd: true, key: "k"},
			"a key, and a window of 0":       {windowOff: true, key: "k"},
			"beats revoked":                  {windowOff: true, revoked: denylist.ScopeSubject},
			"beats the successor's end":      {windowOff: true, deadNext: true},
			"the attempt on record, revoked": {windowOff: true, same: true, revoked: denylist.ScopeSession},
		}, reused},
		{"6 revoked", map[string]situation{
			"t":                              {revoked: denylist.ScopeToken},
			"its session":                    {revoked: denylist.ScopeSession},
			"its subject":                    {revoked: denylist.ScopeSubject},
			"its issuer":                     {revoked: denylist.ScopeIssuer},
			"with the key":                   {firstKey: "k", key: "k", revoked: denylist.ScopeSession},
			"beats the successor's end":      {deadNext: true, revoked: denylist.ScopeSession},
			"the attempt on record":          {same: true, revoked: denylist.ScopeSubject},
			"in a session without exchanges": {fresh: true, revoked: denylist.ScopeSession},
			"the successor":                  {token: child, revoked: denylist.ScopeToken},
			"the successor, its subject":     {token: child, revoked: denylist.ScopeSubject},
			"rotated and revoked":            {rotated: true, revoked: denylist.ScopeToken},
		}, revoked},
		{"7 t's rotation", map[string]situation{
			"in the window":                  {},
			"in the window, now with a key":  {key: "k"},
			"with the key":                   {firstKey: "k", key: "k"},
			"with the key, a window of 0":    {firstKey: "k", key: "k", windowOff: true},
			"with the key, after the window": {firstKey: "k", key: "k", windowEnd: true},
			"rotated, which never counts":    {rotated: true},
		}, replayed},
		{"7 t's rotation, but the successor has expired", map[string]situation{
			"in the window": {deadNext: true},
			"with the key":  {deadNext: true, firstKey: "k", key: "k"},
		}, expired},
		{"8 otherwise", map[string]situation{
			"the first of the session":            {fresh: true},
			"the first of the session, no window": {fresh: true, windowOff: true},
			"with a key":                          {fresh: true, key: "k"},
			"the successor":                       {token: child},
			"the successor, no window":            {token: child, windowOff: true},
			"the successor, another key":          {token: child, firstKey: "k", key: "other"},
			"the successor, though it is late":    {token: child, windowEnd: true},
			"two rotations on":                    {token: later},
			"two rotations on, whatever its jti":  {token: laterChild},
			"another session":                     {token: stranger},
		}, won},
	} {
		f.run(line.line, func(f *fixture) {
			for name, s := range line.cases {
				f.run(name, func(f *fixture) { f.meet(line.line+", "+name, s, line.want) })
			}
		})
	}
}

// meet brings about the situation, for ids of its own, and checks the answer.
func (f *fixture) meet(name string, s situation, want answer) {
	t := f.token("session")
	t.Issuer, t.ID, t.Rotation = "https://table.example/"+name, "fourth", 3
	first := successor(t, "first")
	first.Key = s.firstKey
	if s.deadNext {
		first.ExpiresAt = t.Login.Add(-time.Second)
	}
	var spent denylist.Spent
	if !s.fresh {
		spent = f.spend(t, first, denylist.Exchange{Window: time.Hour})
	}
	if s.rotated {
		other := f.token("other session")
		f.spend(other, successor(other, "first"), denying(t))
	}
	if s.token != nil {
		s.token(&t)
	}
	if s.revoked != 0 {
		e := entryOf(s.revoked, t)
		e.Until = time.Time{}
		f.revoked(e)
	}
	next := successor(t, "second")
	if s.same {
		next = first
	}
	next.Key = s.key
	marker := t
	marker.ID, marker.ExpiresAt = "marker", t.Login.Add(time.Hour)
	how := denying(marker)
	how.Window = time.Hour
	if s.windowOff {
		how.Window = 0
	}
	if s.windowEnd {
		how.Window = time.Millisecond
		f.waitUntil(spent.At.Add(how.Window))
	}
	got, err := f.spender.Spend(f.t.Context(), t, next, how)
	if want.err != nil {
		assert.ErrorIs(f.t, err, want.err)
		f.isOnly(err, want.err)
		if s.revoked == 0 {
			f.passes(marker, "a refused exchange writes nothing")
		}
		return
	}
	f.NoError(err)
	assert.Equal(f.t, want.replayed, got.Replayed, "Replayed")
	f.denied(marker, "what wins or is replayed writes its denials")
	if want.replayed || s.same {
		f.sameInstant(spent.At, got.At, "At: when the token was spent first")
		f.sameSuccessor(first, got.Successor)
		return
	}
	f.sameSuccessor(next, got.Successor)
}

// isOnly checks that a refusal is one of the refusals and not another too: a
// caller branches on them.
func (f *fixture) isOnly(err, want error) {
	f.t.Helper()
	for _, other := range []error{
		denylist.ErrReused, denylist.ErrExpired, denylist.ErrRevoked, denylist.ErrUnavailable, denylist.ErrInvalid, denylist.ErrNotFound,
	} {
		if other != want {
			assert.NotErrorIs(f.t, err, other)
		}
	}
}

// sameSuccessor checks that a successor can be signed again from the record.
func (f *fixture) sameSuccessor(want, got denylist.Successor) {
	f.t.Helper()
	assert.Equal(f.t, want.ID, got.ID, "successor")
	assert.Equal(f.t, want.Note, got.Note, "note")
	assert.Empty(f.t, got.Key, "the key stays with the caller")
	f.sameInstant(want.IssuedAt, got.IssuedAt, "successor's iat")
	f.sameInstant(want.ExpiresAt, got.ExpiresAt, "successor's exp")
}

// spendable says what Spend would, with no key and no window, and spends
// nothing.
func spendable(f *fixture) {
	t := f.token("s")
	next := successor(t, "a")
	child := following(t, next)
	ask := func(t denylist.Token, want error, what string) {
		f.t.Helper()
		err := f.spender.Spendable(f.t.Context(), t)
		if want == nil {
			assert.NoError(f.t, err, "Spendable: %s", what)
			return
		}
		assert.ErrorIs(f.t, err, want, "Spendable: %s", what)
		f.isOnly(err, want)
	}
	for range 2 {
		ask(t, nil, "the first of the session, asked twice")
	}
	f.spend(t, next, denylist.Exchange{Window: time.Hour})
	ask(t, denylist.ErrReused, "spent, though the window is open")
	ask(child, nil, "the successor")
	ask(changed(t, func(t *denylist.Token) { t.Rotation = 1 }), denylist.ErrReused, "not the successor")
	ask(changed(child, func(t *denylist.Token) { t.ExpiresAt = t.Login.Add(-time.Second) }), denylist.ErrExpired, "expired")
	grandchild := successor(child, "b")
	grandchild.Key = "key"
	f.spend(child, grandchild, denylist.Exchange{Window: time.Hour})
	ask(t, denylist.ErrReused, "a grandparent")
	ask(child, denylist.ErrReused, "spent with a key")

	last := following(child, grandchild)
	for _, scope := range denylist.Scopes() {
		other := last
		other.Issuer = fmt.Sprintf("%s/%v", issuer, scope)
		ask(other, nil, "before it is revoked")
		f.revoked(entryOf(scope, other))
		ask(other, denylist.ErrRevoked, fmt.Sprintf("revoked by its %v", scope))
	}
	for _, spoil := range invalidTokens() {
		ask(changed(last, spoil), denylist.ErrInvalid, "invalid")
	}
	f.spend(last, successor(last, "c"), denylist.Exchange{})
}

func changed(t denylist.Token, change func(*denylist.Token)) denylist.Token {
	change(&t)
	return t
}
