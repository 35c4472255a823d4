// Package denylist keeps what is revoked, and what has been exchanged.
//
// A JSON Web Token stays valid until it expires. A [Store] holds the
// exceptions: an [Entry] denies one token, one session, one subject or a whole
// issuer, and is forgotten when no token that it denies can be alive. A
// [Spender] keeps one record (a chain) for each session that has exchanged a
// token, so that each token buys exactly one successor.
//
// [Memory] serves one process. [Redis] serves a fleet: standalone, Sentinel or
// Cluster. A store of your own keeps the same contract if it passes the tests
// of package denylisttest.
//
// A store is asked last, about tokens whose signature and claims have been
// checked already. "Cannot tell" is never "valid": every error of
// [Store.Check], whether it wraps [ErrRevoked] or not, means that the token
// must not be accepted.
package denylist
