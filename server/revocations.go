package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/rescindhq/rescind/denylist"
)

// refreshType is the typ of a refresh token, which is revoked by its session.
const refreshType = "rt+jwt"

// foreignLife is how long a session may live that another issuer began, of
// which nothing else is known.
const foreignLife = 90 * 24 * time.Hour

// revocationBody is what is to be revoked: an entry, or a token, ours or of
// another issuer that is trusted.
type revocationBody struct {
	Token     *string `json:"token"`
	Scope     string  `json:"scope"`
	ID        string  `json:"id"`
	Issuer    string  `json:"issuer"` // default ours
	Cutoff    *string `json:"cutoff"`
	ExpiresAt *string `json:"expires_at"` // only lengthens
	Reason    string  `json:"reason"`
	Barrier   bool    `json:"barrier"`
}

// revokedAnswer says what became of a revocation.
type revokedAnswer struct {
	Entry   entryBody   `json:"entry"`
	Receipt receiptBody `json:"receipt"`
}

type receiptBody struct {
	At      instant `json:"at"`      // the write's instant, on the store's clock
	Outcome string  `json:"outcome"` // recorded, merged, unchanged, obsolete
	Barrier bool    `json:"barrier"` // every check of the fleet that begins now sees it
}

// revoke writes an entry.
func (o *operatorAPI) revoke(a *answer, r *http.Request) error {
	var body revocationBody
	if err := readJSON(a, r, &body); err != nil {
		return err
	}
	barrier, ok := o.store.(denylist.Barrier)
	if body.Barrier && !ok {
		return badRequest("This denylist has no barrier.")
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	entry, err := o.entryOf(ctx, body)
	if err != nil {
		return err
	}
	a.changing("revoke", entryName{entry.Scope, entry.Issuer, entry.ID})
	receipt, err := o.store.Revoke(ctx, entry)
	if err != nil {
		return aboutEntry(err)
	}
	result := receipt.Results[0]
	a.note(slog.String("outcome", result.Outcome.String()))
	o.metrics.revocations.WithLabelValues(entry.Scope.String(), result.Outcome.String()).Inc()
	if body.Barrier {
		if err := a.patiently(r, barrier.Barrier); err != nil {
			return err
		}
	}
	return a.json(http.StatusCreated, revokedAnswer{
		Entry:   showEntry(result.Entry),
		Receipt: receiptBody{instant(receipt.At), result.Outcome.String(), body.Barrier},
	})
}

// entryOf is the entry that a request wants to be written.
func (o *operatorAPI) entryOf(ctx context.Context, body revocationBody) (denylist.Entry, error) {
	entry, err := o.revoked(ctx, body)
	if err != nil {
		return denylist.Entry{}, err
	}
	entry = entry.WithReason(body.Reason)
	if entry.Revoked.Cutoff, err = instantOf(body.Cutoff); err != nil {
		return denylist.Entry{}, err
	}
	entry.ExpiresAt, err = instantOf(body.ExpiresAt)
	return entry, err
}

func (o *operatorAPI) revoked(ctx context.Context, body revocationBody) (denylist.Entry, error) {
	if body.Token == nil {
		name, err := o.nameEntry(body.Scope, body.Issuer, body.ID)
		return denylist.Entry{
			Scope: name.scope, Issuer: name.issuer, ID: name.id, Revoked: &denylist.Revoked{},
			Lifetime: o.lifetime(name),
		}, err
	}
	if body.Scope != "" || body.ID != "" || body.Issuer != "" || body.Cutoff != nil {
		return denylist.Entry{}, badRequest("A token says itself what is revoked: want no scope, id, issuer or cutoff beside it.")
	}
	claims, err := o.recognize(ctx, *body.Token)
	if err != nil {
		return denylist.Entry{}, inBody(err)
	}
	if claims.Type() == refreshType && claims.Session() != "" {
		return denylist.SessionEntry(claims.Issuer(), claims.Session(), claims.SessionExpiresAt()), nil
	}
	return denylist.TokenEntry(claims.Issuer(), claims.ID(), claims.ExpiresAt()), nil
}

// list shows a page of entries.
func (o *operatorAPI) list(a *answer, r *http.Request) error {
	query, err := parameters(r, "scope", "cursor", "limit")
	if err != nil {
		return err
	}
	wanted := denylist.Query{Cursor: query["cursor"]}
	if scope := query["scope"]; scope != "" {
		if wanted.Scope, err = parseScope(scope); err != nil {
			return err
		}
	}
	if limit := query["limit"]; limit != "" {
		if wanted.Limit, err = strconv.Atoi(limit); err != nil || wanted.Limit == 0 {
			return badRequest("The limit must be a number from 1 on.")
		}
	}
	page, err := o.denylist.List(r.Context(), wanted)
	if err != nil {
		return aboutEntry(err)
	}
	body := struct {
		Entries []entryBody `json:"entries"`
		Next    string      `json:"next,omitempty"` // cursor of the next page
	}{make([]entryBody, 0, len(page.Entries)), page.Next}
	for _, e := range page.Entries {
		body.Entries = append(body.Entries, showEntry(e))
	}
	return a.json(http.StatusOK, body)
}

// get shows one entry.
func (o *operatorAPI) get(a *answer, r *http.Request) error {
	name, err := o.entryOfPath(r)
	if err != nil {
		return err
	}
	entry, err := o.denylist.Get(r.Context(), name.scope, name.issuer, name.id)
	if err != nil {
		return aboutEntry(err)
	}
	return a.json(http.StatusOK, showEntry(entry))
}

// leftAnswer is what is left of an entry that was reinstated.
type leftAnswer struct {
	Entry entryBody `json:"entry"`
}

// reinstate takes back what an operator, a logout or a replay revoked, and
// shows what is left: nothing, or that the token was exchanged.
func (o *operatorAPI) reinstate(a *answer, r *http.Request) error {
	name, err := o.entryOfPath(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	a.changing("reinstate", name)
	left, err := o.denylist.Reinstate(ctx, name.scope, name.issuer, name.id)
	if err != nil {
		return aboutEntry(err)
	}
	if left.Rotated == nil {
		a.noContent()
		return nil
	}
	return a.json(http.StatusOK, leftAnswer{showEntry(left)})
}

// entryOfPath reads /v1/revocations/{scope}/{id}?issuer=…, whose id is
// percent-encoded: it may hold slashes. An issuer's id is the issuer, or empty.
func (o *operatorAPI) entryOfPath(r *http.Request) (entryName, error) {
	query, err := parameters(r, "issuer")
	if err != nil {
		return entryName{}, err
	}
	id, err := url.PathUnescape(mux.Vars(r)["id"])
	if err != nil || !utf8.ValidString(id) {
		return entryName{}, badRequest("The id must be percent-encoded UTF-8.")
	}
	return o.nameEntry(mux.Vars(r)["scope"], query["issuer"], id)
}

// parameters are the known parameters of the query. Others, and a second one
// of a name, are refused: what is misspelt would otherwise be left out.
func parameters(r *http.Request, known ...string) (map[string]string, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query is malformed.")
	}
	values := map[string]string{}
	for name, all := range query {
		if !slices.Contains(known, name) || len(all) != 1 || !utf8.ValidString(all[0]) {
			return nil, badRequest("The query must have no more than one each of: %s.", strings.Join(known, ", "))
		}
		values[name] = all[0]
	}
	return values, nil
}

// changing notes a change of the denylist in the request's log record. Who
// makes it cannot be known: all operators share one token.
func (a *answer) changing(what string, name entryName) {
	a.note(slog.String("change", what), slog.String("scope", name.scope.String()), slog.String("entry", name.digest()))
}
