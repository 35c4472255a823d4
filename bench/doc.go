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
//
// # What measuring does not do
//
// Workers share no lock, and allocate nothing for the measurement's sake: each
// records to a histogram of its own, hands it over from part to part, and goes
// on with another. The clock is read once an operation in a closed loop, less
// often with a Sample. [MeasureOverhead] says what remains.
//
// # What it does
//
// In an open loop a waiting worker wakes late, which is in its latencies: some
// 30 µs on an idle Linux, elsewhere up to a millisecond. What the workers and
// their timers use is CPU time of the client like any other. [Run] says in
// words where this is much, and who was too slow where a rate was not kept.
package bench
