package server

import (
	"errors"
	"net/http"

	"github.com/rescindhq/rescind/denylist"
)

// renewalBody is what is to be renewed: tokens, by the name that an entry would
// have. There is no reason: nobody reads marks but to renew.
type renewalBody struct {
	Scope  string `json:"scope"`
	ID     string `json:"id"`
	Issuer string `json:"issuer"` // default ours
}

// renewalAnswer says since when the tokens are asked for.
type renewalAnswer struct {
	Scope    denylist.Scope `json:"scope"`
	Issuer   string         `json:"issuer"`
	ID       string         `json:"id,omitempty"` // of an issuer's mark: none
	MarkedAt instant        `json:"marked_at"`    // on the store's clock
}

// renew marks tokens for renewal: they are as good as before, and whoever
// renews tokens by the way (rotation.Sliding) exchanges them at their next
// request. A mirror passes marks on to its Redis.
func (o *operatorAPI) renew(a *answer, r *http.Request) error {
	var body renewalBody
	if err := readJSON(a, r, &body); err != nil {
		return err
	}
	name, err := o.nameEntry(body.Scope, body.Issuer, body.ID)
	if err != nil {
		return err
	}
	marker, ok := o.store.(denylist.Marker)
	if !ok {
		return denylist.ErrNoMarks
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	a.changing("renew", name)
	at, err := marker.Mark(ctx, denylist.Mark{
		Scope: name.scope, Issuer: name.issuer, ID: name.id,
		// What is issued later needs no renewal. Of an issuer that is not trusted
		// here this is 0, the store's default.
		Lifetime: o.verifier.MaxLifetime(name.issuer),
	})
	switch {
	case errors.Is(err, denylist.ErrNoMarks):
		return denylist.ErrNoMarks // the operator did nothing wrong, so no 400
	case err != nil:
		return aboutEntry(err)
	}
	return a.json(http.StatusCreated, renewalAnswer{name.scope, name.issuer, name.id, instant(at)})
}
