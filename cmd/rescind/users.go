package main

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/server"
)

// openUsers opens the file in --users.
func (c *call) openUsers() (*server.Users, error) {
	if err := c.need("users"); err != nil {
		return nil, err
	}
	users, err := server.OpenUsers(c.users)
	if err != nil {
		return nil, usageError("opening the users in %s: %w", c.users, err)
	}
	return users, nil
}

func usersAdd(fs *pflag.FlagSet) action {
	scope := fs.StringSlice("scope", nil, "")
	email := fs.String("email", "", "")
	return func(ctx context.Context, c *call) error {
		users, err := c.openUsers()
		if err != nil {
			return err
		}
		password, err := c.readPassword(ctx)
		if err != nil {
			return err
		}
		user, err := users.AddWithEmail(c.args[0], *email, password, *scope)
		if err != nil {
			return onFile("adding %q: %w", c.args[0], err)
		}
		return c.printUsers(user)
	}
}

func usersList(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		users, err := c.openUsers()
		if err != nil {
			return err
		}
		return c.printUsers(users.List()...)
	}
}

// usersPasswd changes a password and ends the sessions that the old one began.
// In this order: a login that was under way has its instant from before the
// change, so that the cutoff, which is from after it, catches it (R6).
func usersPasswd(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		users, list, err := c.usersAndDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		password, err := c.readPassword(ctx)
		if err != nil {
			return err
		}
		user, err := users.SetPassword(c.args[0], password)
		if err != nil {
			return onFile("changing the password of %q: %w", c.args[0], err).hint("nothing was changed")
		}
		if err := c.endSessions(ctx, list, user, "password changed"); err != nil {
			return cannotTell("the sessions of %q were not ended: %w", user.Name, err).
				hint("the password is changed, but tokens that were issued before it still work").
				hint("repeat the command, or: rescind revoke --sub %s", user.Subject)
		}
		c.say("changed the password of %s and ended the sessions begun before", user.Name)
		return nil
	}
}

// usersRemove first makes logins impossible, then ends the sessions and only
// then forgets the user: until the last step the command can be repeated.
func usersRemove(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		users, list, err := c.usersAndDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		user, err := users.SetPassword(c.args[0], rand.Text()+rand.Text())
		if err != nil {
			return onFile("removing %q: %w", c.args[0], err).hint("nothing was changed")
		}
		if err := c.endSessions(ctx, list, user, "user removed"); err != nil {
			return cannotTell("the sessions of %q were not ended: %w", user.Name, err).
				hint("the user cannot log in any more but is still in %s, and tokens issued before still work", c.users).
				hint("repeat the command, or: rescind revoke --sub %s", user.Subject)
		}
		if _, err := users.Remove(user.Name); err != nil {
			return refused("removing %q: %w", user.Name, err).
				hint("the user cannot log in any more and the sessions are ended; repeat the command to forget the user")
		}
		c.say("removed %s and ended the sessions", user.Name)
		return nil
	}
}

// usersAndDenylist opens what a change of a user needs. That asks the denylist
// once: it is better to find it gone before anything is changed.
func (c *call) usersAndDenylist(ctx context.Context) (*server.Users, *denylister, error) {
	users, err := c.openUsers()
	if err != nil {
		return nil, nil, err
	}
	list, err := c.openDenylist(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.issuerFor(list); err != nil {
		list.close()
		return nil, nil, err
	}
	return users, list, nil
}

// endSessions revokes a user's subject.
func (c *call) endSessions(ctx context.Context, list *denylister, user server.User, reason string) error {
	issuer, err := c.issuerFor(list)
	if err != nil {
		return err
	}
	_, err = list.revoke(ctx, denylist.SubjectEntry(issuer, user.Subject, time.Time{}).WithReason(reason), false)
	return err
}

// refuseLoginName refuses, where the file of users is named, one of its names
// as a subject: tokens have an id there, so that an entry would deny nobody,
// and look as if it did. What may be an id keeps nobody from revoking: one in the
// file, one of another issuer, any while the file cannot be read.
func (c *call) refuseLoginName(list *denylister, issuer, sub string) error {
	if sub == "" || c.users == "" || !c.isOwn(list, issuer) {
		return nil
	}
	users, err := server.OpenUsers(c.users)
	if err != nil {
		return nil
	}
	var named server.User
	for _, u := range users.List() {
		if sub == u.Subject {
			return nil
		}
		if sub == u.Name || strings.EqualFold(sub, u.Email) {
			named = u
		}
	}
	if named.Subject == "" {
		return nil
	}
	return usageError("--sub %q is the name of a user, and no token has it", sub).
		hint("the sub of that user's tokens: --sub %s", named.Subject)
}

// isOwn reports whether users log in at an issuer, as far as that is known: one
// that --issuer names need not be ours, unless the file of users is named there too.
func (c *call) isOwn(list *denylister, issuer string) bool {
	if r, ok := list.Store.(*remote); ok {
		return issuer == r.stats.Issuer
	}
	return c.origin["issuer"] != "--issuer" || c.origin["users"] == "--users"
}

// userRow is a user as --json shows it.
type userRow struct {
	Name      string   `json:"name"`
	Email     string   `json:"email,omitempty"`
	Subject   string   `json:"sub"`
	Scope     []string `json:"scope"`
	CreatedAt string   `json:"created_at"`
}

// printUsers shows users; their addresses only where anybody has one.
func (c *call) printUsers(users ...server.User) error {
	list := []userRow{}
	header := []string{"NAME", "SUBJECT", "SCOPE", "CREATED"}
	withEmail := slices.ContainsFunc(users, func(u server.User) bool { return u.Email != "" })
	if withEmail {
		header = append(header, "EMAIL")
	}
	rows := [][]string{}
	for _, u := range users {
		row := userRow{u.Name, u.Email, u.Subject, u.Scope, instant(u.CreatedAt)}
		if row.Scope == nil {
			row.Scope = []string{}
		}
		list = append(list, row)
		cells := []string{row.Name, row.Subject, strings.Join(row.Scope, " "), row.CreatedAt}
		if withEmail {
			cells = append(cells, row.Email)
		}
		rows = append(rows, cells)
	}
	if c.json {
		return c.printJSON(map[string]any{"users": list})
	}
	return c.printTable(header, rows)
}
