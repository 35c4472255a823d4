package denylisttest

import (
	"time"

	"github.com/rescindhq/rescind/denylist"
)

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
