// Package rotation issues tokens, exchanges each for exactly one successor
// before it expires, and keeps the keys that sign them.
//
// [Sessions] are carried in one of two styles: a pair of a short access token
// and a refresh token, or a single access token that is exchanged for the
// next. Everything that descends from one login carries the same sid, login
// instant and absolute end, so that a revocation which races with an exchange
// catches the successor too.
//
// A token that is presented a second time is either a retry, which has its
// answer again, or a replay, which ends the session.
//
// [Sliding] renews single tokens in a response header, for as long as they are
// used. [Browser] is the routes of an application whose refresh token no script
// can read. What the application has to say of a subject goes into the tokens
// by Options.Claims, and is asked again at each exchange.
//
// A [KeyRing] holds the signing keys, in memory or in a directory that several
// processes share.
package rotation
