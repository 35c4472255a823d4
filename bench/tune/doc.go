// Package tune finds settings by measuring: which of a few values of each
// setting serve an aim best on this machine, with this Redis.
//
// It knows neither Redis nor what the settings do: [Search] has whoever calls it
// measure [Point]s, in turns, and judges what comes back. A value takes the place
// of another only where it was clearly better in two runs of their own, so that
// the answer does not wander by noise; what makes no measured difference stays
// at its default. At the end the winner takes turns with the defaults once more:
// if that does not show that it is better, the defaults are the answer.
//
// A value that costs a guarantee is measured and shown, and never taken unless
// the caller allows it.
package tune
