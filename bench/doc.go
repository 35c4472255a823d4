// Package bench measures what revocation costs.
//
// A pacer decides when, a [Scenario] decides what, a recorder keeps it. In a
// closed loop each worker begins its next operation when the last one ended;
// in an open loop operations are due at a rate, whether or not the earlier ones
// have ended, and a latency counts from the moment the operation was due: a
// stall shows as all the requests that it delayed.
//
// Contenders take turns in short slices (A B A B …), so that what else happens
// on the machine happens to all of them. What is reported is the ratio, pair by
// pair, by wall time and by the CPU time of the client, the server and Redis.
package bench
