package verifier

import "fmt"

// Only returns a Verifier that trusts none but the named issuers of v, and is
// otherwise v: for an endpoint that accepts fewer than its neighbours do. A
// token of the others is refused before the denylist is asked.
func (v *Verifier) Only(issuers ...string) (*Verifier, error) {
	narrow := &Verifier{list: v.list, issuers: make(map[string]*issuer, len(issuers)), opts: v.opts}
	narrow.rooms.New = v.rooms.New
	for _, name := range issuers {
		i, ok := v.issuers[name]
		if !ok {
			return nil, fmt.Errorf("verifier: issuer %.100q is not trusted", name)
		}
		narrow.issuers[name] = i
	}
	return narrow, nil
}
