package verifier

import "fmt"

// Only returns a Verifier that trusts none but the named issuers of v, and is
// otherwise v, whose cache it shares: for an endpoint that accepts fewer than
// its neighbours do. A token of the others is refused before the denylist is
// asked.
func (v *Verifier) Only(issuers ...string) (*Verifier, error) {
	narrow := &Verifier{list: v.list, glancer: v.glancer, opts: v.opts, cache: v.cache}
	narrow.issuers = make(map[string]*issuer, len(issuers))
	narrow.trusts = make([]bool, len(v.trusts))
	narrow.rooms.New = v.rooms.New
	for _, name := range issuers {
		i, ok := v.issuers[name]
		if !ok {
			return nil, fmt.Errorf("verifier: issuer %.100q is not trusted", name)
		}
		narrow.issuers[name] = i
		narrow.trusts[i.number] = true
	}
	return narrow, nil
}
