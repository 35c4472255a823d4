package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// entryRow is an entry as --json shows it: the shape of the admin API.
type entryRow struct {
	Scope     string      `json:"scope"`
	Issuer    string      `json:"issuer,omitempty"`
	ID        string      `json:"id,omitempty"`
	Digest    string      `json:"digest,omitempty"` // in place of both, where neither is known
	Revoked   *revokedRow `json:"revoked,omitempty"`
	Rotated   *rotatedRow `json:"rotated,omitempty"`
	ExpiresAt string      `json:"expires_at"`
}

type revokedRow struct {
	At     string `json:"at"`
	Cutoff string `json:"cutoff,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type rotatedRow struct {
	At            string `json:"at"`
	EffectiveFrom string `json:"effective_from"`
}

func rowOf(e denylist.Entry) entryRow {
	row := entryRow{Scope: e.Scope.String(), Issuer: e.Issuer, ID: e.ID, Digest: e.Digest, ExpiresAt: instant(e.ExpiresAt)}
	if r := e.Revoked; r != nil {
		row.Revoked = &revokedRow{At: instant(r.At), Cutoff: instant(r.Cutoff), Reason: r.Reason}
	}
	if r := e.Rotated; r != nil {
		row.Rotated = &rotatedRow{At: instant(r.At), EffectiveFrom: instant(r.EffectiveFrom)}
	}
	return row
}

func rowsOf(entries []denylist.Entry) []entryRow {
	rows := make([]entryRow, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, rowOf(e))
	}
	return rows
}

// printEntries answers with a table of entries. It names their issuers where
// there are several: an id is one entry for each issuer.
func (c *call) printEntries(entries []denylist.Entry) error {
	heading := []string{"SCOPE", "ID", "WHY", "SINCE", "UNTIL"}
	several := slices.ContainsFunc(entries, func(e denylist.Entry) bool { return e.Issuer != entries[0].Issuer })
	if several {
		heading = append(heading, "ISSUER")
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		row := []string{e.Scope.String(), nameOf(e), because(e), instant(effective(e)), instant(e.ExpiresAt)}
		if several {
			row = append(row, e.Issuer)
		}
		rows = append(rows, row)
	}
	return c.printTable(heading, rows)
}

// nameOf is what an entry goes by. One that was given back to a Redis that had
// forgotten it has no names: what it denies is told apart by its digest alone.
func nameOf(e denylist.Entry) string {
	switch {
	case e.Digest != "":
		return "(digest " + e.Digest + ")"
	case e.Scope == denylist.ScopeIssuer:
		return e.Issuer
	}
	return e.ID
}

// because says in a word or two why an entry denies.
func because(e denylist.Entry) string {
	switch {
	case e.Revoked == nil:
		return "exchanged"
	case e.Revoked.Reason != "":
		return "revoked: " + e.Revoked.Reason
	}
	return "revoked"
}

// effective is when an entry began, or begins, to deny. For wide scopes that
// is the cutoff: of logins, not of requests.
func effective(e denylist.Entry) time.Time {
	switch {
	case e.Revoked == nil:
		return e.Rotated.EffectiveFrom
	case e.Scope.Wide():
		return e.Revoked.Cutoff
	}
	return e.Revoked.At
}

// entry is the inverse of rowOf. What is not understood denies nothing and
// allows nothing: it is "cannot tell".
func (row entryRow) entry() (denylist.Entry, error) {
	var errs []error
	read := func(text string) (t time.Time) {
		if text != "" {
			var err error
			t, err = time.Parse(time.RFC3339, text)
			errs = append(errs, err)
		}
		return t
	}
	scope, err := denylist.ParseScope(row.Scope)
	errs = append(errs, err)
	e := denylist.Entry{Scope: scope, Issuer: row.Issuer, ID: row.ID, Digest: row.Digest, ExpiresAt: read(row.ExpiresAt)}
	if r := row.Revoked; r != nil {
		e.Revoked = &denylist.Revoked{At: read(r.At), Reason: r.Reason, Cutoff: read(r.Cutoff)}
	}
	if r := row.Rotated; r != nil {
		e.Rotated = &denylist.Rotated{At: read(r.At), EffectiveFrom: read(r.EffectiveFrom)}
	}
	if errors.Join(errs...) != nil || e.Revoked == nil && e.Rotated == nil {
		return denylist.Entry{}, fmt.Errorf("%w: the server's entry is not understood", denylist.ErrUnavailable)
	}
	return e, nil
}
