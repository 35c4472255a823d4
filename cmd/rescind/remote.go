package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rescindhq/rescind/denylist"
)

// remote is the denylist behind a server's admin API (docs/http.md). To the
// commands it is a store like any other.
type remote struct {
	adminAPI
	stats   statusRow // as it was when the server was first asked
	barrier bool      // revoke waits until every check of the fleet sees it
}

var (
	_ denylist.Store    = (*remote)(nil)
	_ denylist.Operator = (*remote)(nil)
)

// openRemote asks the server for its state first: a 404 of whatever else
// listens there must not pass for "no such entry".
func (c *call) openRemote(ctx context.Context) (*denylister, error) {
	api, err := c.openAdminAPI()
	if err != nil {
		return nil, err
	}
	r := &remote{adminAPI: api}
	err = r.do(ctx, http.MethodGet, "/v1/stats", nil, &r.stats)
	switch {
	case err != nil && !errors.Is(err, denylist.ErrNotFound):
		return nil, err
	case err != nil, r.stats.Issuer == "":
		return nil, usageError("%s is not the admin listener of a server", c.origin["server"]).hint("the admin API has an address of its own, by default port 8081")
	}
	return &denylister{Store: r, Operator: r, close: api.client.CloseIdleConnections}, nil
}

// revokeRequest is the body of POST /v1/revocations.
type revokeRequest struct {
	Scope     string `json:"scope,omitempty"`
	ID        string `json:"id,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	Token     string `json:"token,omitempty"`
	Cutoff    string `json:"cutoff,omitempty"`
	ExpiresAt string `json:"expires_at,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Barrier   bool   `json:"barrier,omitempty"`
}

// Revoke implements denylist.Store, with one request for each entry.
func (r *remote) Revoke(ctx context.Context, entries ...denylist.Entry) (denylist.Receipt, error) {
	var receipt denylist.Receipt
	for _, e := range entries {
		body := revokeRequest{Scope: e.Scope.String(), ID: e.ID, Issuer: e.Issuer, ExpiresAt: instant(e.ExpiresAt)}
		if e.Revoked != nil {
			body.Reason, body.Cutoff = e.Revoked.Reason, instant(e.Revoked.Cutoff)
		}
		result, err := r.post(ctx, body)
		if err != nil {
			return receipt, err
		}
		receipt.Results = append(receipt.Results, result)
	}
	return receipt, nil
}

// revokeToken lets the server look at the token and decide what it stands for.
func (r *remote) revokeToken(ctx context.Context, raw string, terms revocation) (denylist.Result, error) {
	return r.post(ctx, revokeRequest{Token: raw, Reason: terms.reason, ExpiresAt: terms.expiresAt})
}

func (r *remote) post(ctx context.Context, body revokeRequest) (denylist.Result, error) {
	var answer struct {
		Entry   entryRow `json:"entry"`
		Receipt struct {
			Outcome string `json:"outcome"`
		} `json:"receipt"`
	}
	if body.Barrier = r.barrier; r.barrier { // which takes as long as the fleet may lag (R16)
		r.client.Timeout = remotePatience + r.stats.maxStaleness()
	}
	if err := r.do(ctx, http.MethodPost, "/v1/revocations", body, &answer); err != nil {
		return denylist.Result{}, err
	}
	entry, err := answer.Entry.entry()
	for o := denylist.Recorded; err == nil && o <= denylist.Obsolete; o++ {
		if o.String() == answer.Receipt.Outcome {
			return denylist.Result{Entry: entry, Outcome: o}, nil
		}
	}
	return denylist.Result{}, fmt.Errorf("%w: the server's answer is not understood", denylist.ErrUnknown)
}

// Get implements denylist.Operator.
func (r *remote) Get(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	path, err := entryPath(scope, issuer, id)
	if err != nil {
		return denylist.Entry{}, err
	}
	var row entryRow
	if err := r.do(ctx, http.MethodGet, path, nil, &row); err != nil {
		return denylist.Entry{}, err
	}
	return row.entry()
}

// List implements denylist.Operator.
func (r *remote) List(ctx context.Context, q denylist.Query) (denylist.Page, error) {
	query := url.Values{}
	if q.Scope != 0 {
		query.Set("scope", q.Scope.String())
	}
	if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	var answer struct {
		Entries []entryRow `json:"entries"`
		Next    string     `json:"next"`
	}
	if err := r.do(ctx, http.MethodGet, "/v1/revocations?"+query.Encode(), nil, &answer); err != nil {
		return denylist.Page{}, err
	}
	page := denylist.Page{Next: answer.Next}
	for _, row := range answer.Entries {
		entry, err := row.entry()
		if err != nil {
			return denylist.Page{}, err
		}
		page.Entries = append(page.Entries, entry)
	}
	return page, nil
}

// Counts implements denylist.Operator.
func (r *remote) Counts(ctx context.Context) (denylist.Counts, error) {
	var stats statusRow
	if err := r.do(ctx, http.MethodGet, "/v1/stats", nil, &stats); err != nil {
		return denylist.Counts{}, err
	}
	n := stats.Entries
	return denylist.Counts{Token: n["token"], Session: n["session"], Subject: n["subject"], Issuer: n["issuer"]}, nil
}

// Reinstate implements denylist.Operator.
func (r *remote) Reinstate(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	path, err := entryPath(scope, issuer, id)
	if err != nil {
		return denylist.Entry{}, err
	}
	var left struct {
		Entry entryRow `json:"entry"`
	}
	if err := r.do(ctx, http.MethodDelete, path, nil, &left); err != nil || left.Entry.Scope == "" {
		return denylist.Entry{}, err
	}
	return left.Entry.entry()
}

// Check implements denylist.Store: it reads each entry that could deny t. An
// exchanged token is denied at once: nobody has a request in flight here.
func (r *remote) Check(ctx context.Context, t denylist.Token) error {
	for _, n := range []named{
		{denylist.ScopeToken, t.ID}, {denylist.ScopeSession, t.Session}, {denylist.ScopeSubject, t.Subject}, {denylist.ScopeIssuer, ""},
	} {
		if n.id == "" && n.scope != denylist.ScopeIssuer {
			continue
		}
		entry, err := r.Get(ctx, n.scope, t.Issuer, n.id)
		switch {
		case errors.Is(err, denylist.ErrNotFound):
		case err != nil:
			return err
		case !n.scope.Wide(), entry.Revoked == nil, !t.Login.After(entry.Revoked.Cutoff):
			return &denylist.RevokedError{Entry: entry}
		}
	}
	return nil
}

// entryPath is the path of one entry. An issuer's id is the issuer. Ids that
// are dots would be taken for steps by whatever is between us and the server.
func entryPath(scope denylist.Scope, issuer, id string) (string, error) {
	if scope == denylist.ScopeIssuer {
		id = issuer
	}
	if id == "." || id == ".." {
		return "", fmt.Errorf("%w: the id %q cannot be asked for through a server", denylist.ErrInvalid, id)
	}
	query := url.Values{"issuer": {issuer}}
	return "/v1/revocations/" + scope.String() + "/" + url.PathEscape(id) + "?" + query.Encode(), nil
}
