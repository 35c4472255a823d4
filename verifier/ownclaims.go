package verifier

import (
	"cmp"
	"fmt"

	"github.com/rescindhq/rescind/denylist"
)

// ownClaims are the names that an issuer has for claims which others call by
// their standard names. The zero ownClaims has none.
type ownClaims struct {
	names []string
	known vocabulary // the place of each
	place []int      // of the claim that it stands for
}

// newOwnClaims reads the names of a policy. A name that means something else
// already is refused.
func newOwnClaims(from Issuer) (ownClaims, error) {
	var own ownClaims
	for _, c := range []struct {
		name, standard string
		at             int
	}{
		{from.ScopeClaim, "scope", claimScope},
		{from.SessionClaim, "sid", claimSid},
	} {
		switch {
		case cmp.Or(c.name, c.standard) == c.standard:
			continue
		case len(c.name) > denylist.MaxID || claimNamed(c.name) >= 0 || len(own.names) == 1 && own.names[0] == c.name:
			return ownClaims{}, fmt.Errorf("claim %.100q cannot stand for %s: it means something else, or is too long", c.name, c.standard)
		}
		own.names = append(own.names, c.name)
		own.place = append(own.place, c.at)
	}
	names := own.names
	own.known = func(name string) int {
		for i, n := range names {
			if n == name {
				return i
			}
		}
		return -1
	}
	return own, nil
}

// read puts the claims that the issuer has named otherwise into the standard
// ones' places, present or not. The payload is read a second time for that,
// which only such issuers' tokens cost.
func (o ownClaims) read(p *parts) error {
	if o.names == nil {
		return nil
	}
	var values [2]value
	if err := scanObject(p.payload, o.known, values[:], nil, nil); err != nil {
		return err
	}
	for i, at := range o.place {
		p.claims[at] = values[i]
	}
	return nil
}
