package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
)

// watchPause is how long watch waits before it asks again.
const watchPause = time.Second

// watchCommand prints each change of the denylist, from now on until Ctrl-C,
// which is how it is meant to end: exit code 0.
func watchCommand(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		follower, ok := list.Store.(denylist.Follower)
		if !ok {
			return usageError("this denylist tells no changes")
		}
		w := &watcher{call: c, follower: follower, own: c.issuer}
		if r, ok := list.Store.(*remote); ok {
			w.own = r.stats.Issuer
		}
		// Who cannot follow now is told so; later outages are waited for.
		if w.after, err = follower.Position(ctx); err == nil {
			c.say("watching; Ctrl-C ends it")
			err = w.run(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

// watcher follows the denylist.
type watcher struct {
	*call
	follower denylist.Follower
	own      string // the issuer that goes without saying
	after    string // the position of the last change
	said     string // the trouble that was told last
}

// run follows, past outages, until ctx ends or there is no use in going on.
func (w *watcher) run(ctx context.Context) error {
	for {
		var printing error
		err := w.follower.Follow(ctx, w.after, func(change denylist.Change) error {
			w.after, w.said = change.Position, ""
			printing = w.print(change)
			return printing
		})
		if errors.Is(err, denylist.ErrGap) {
			err = w.gap(ctx)
		}
		switch {
		case ctx.Err() != nil || printing != nil:
			return printing
		case err == nil:
			continue
		case !errors.Is(err, denylist.ErrUnavailable):
			return err
		}
		if trouble := oneLine(err.Error()); trouble != w.said {
			w.said = trouble
			w.say("trying again: %s", trouble)
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchPause):
		}
	}
}

// gap goes on from now. It says so after it knows from where: what is listed
// then has all that was missed.
func (w *watcher) gap(ctx context.Context) error {
	now, err := w.follower.Position(ctx)
	if err != nil {
		return err
	}
	w.after = now
	if w.json {
		return w.printLine(map[string]bool{"gap": true})
	}
	w.say("changes were missed: rescind list shows what is denied")
	return nil
}

// changeRow is a change as --json shows it: the shape of the admin API.
type changeRow struct {
	At            string    `json:"at"`
	Scope         string    `json:"scope"`
	Digest        string    `json:"digest"`
	Revoked       bool      `json:"revoked"`
	Cutoff        string    `json:"cutoff,omitempty"`
	Reinstated    bool      `json:"reinstated,omitempty"`
	EffectiveFrom string    `json:"effective_from,omitempty"`
	ExpiresAt     string    `json:"expires_at"`
	Entry         *entryRow `json:"entry"` // as it stands now; null: it is gone
}

func (w *watcher) print(c denylist.Change) error {
	if w.json {
		row := changeRow{
			At: instant(c.At), Scope: c.Scope.String(), Digest: c.Digest, Revoked: c.Revoked, Cutoff: instant(c.Cutoff),
			Reinstated: c.Reinstated, EffectiveFrom: instant(c.EffectiveFrom), ExpiresAt: instant(c.ExpiresAt),
		}
		if c.Entry != nil {
			entry := rowOf(*c.Entry)
			row.Entry = &entry
		}
		return w.printLine(row)
	}
	name, issuer := "(digest "+c.Digest+")", w.own
	if c.Entry != nil {
		name, issuer = nameOf(*c.Entry), c.Entry.Issuer
	}
	line := []string{instant(c.At), fmt.Sprintf("%-7s", c.Scope), printable(name), printable(whatHappened(c))}
	if issuer != w.own && issuer != "" && c.Scope != denylist.ScopeIssuer {
		line = append(line, "of "+printable(issuer))
	}
	_, err := fmt.Fprintln(w.stdout, strings.Join(line, "  "))
	return err
}

// whatHappened says a change in a word or two.
func whatHappened(c denylist.Change) string {
	switch {
	case c.Reinstated:
		return "reinstated"
	case !c.Revoked:
		return "exchanged"
	case c.Entry != nil && c.Entry.Revoked != nil && c.Entry.Revoked.Reason != "":
		return "revoked: " + c.Entry.Revoked.Reason
	}
	return "revoked"
}

// printLine answers with one JSON value on a line of its own, so that a script
// can read line by line. As in printJSON, what drives a terminal is escaped.
func (c *call) printLine(value any) error {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(c.stdout, escape(out.String()))
	return err
}
