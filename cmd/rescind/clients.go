package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/server"
)

// openClients opens the file in --clients.
func (c *call) openClients() (*server.Clients, error) {
	if err := c.need("clients"); err != nil {
		return nil, err
	}
	clients, err := server.OpenClients(c.clients)
	if err != nil {
		return nil, usageError("opening the clients in %s: %w", c.clients, err)
	}
	return clients, nil
}

// clientsToServe opens the clients of a server; without the setting there are
// none. A file that is not there yet is more likely the wrong path.
func (c *call) clientsToServe() (*server.Clients, error) {
	if !c.set("clients") {
		return nil, nil
	}
	if _, err := os.Stat(c.clients); err != nil {
		return nil, usageError("%s: %w", c.origin["clients"], err).hint("make it with: rescind clients add NAME --clients FILE")
	}
	return c.openClients()
}

func clientsAdd(fs *pflag.FlagSet) action {
	scope := fs.StringSlice("scope", nil, "")
	public := fs.Bool("public", false, "")
	return func(_ context.Context, c *call) error {
		clients, err := c.openClients()
		if err != nil {
			return err
		}
		client, key, err := clients.Add(c.args[0], *scope, *public)
		if err != nil {
			return onFile("adding %q: %w", c.args[0], err)
		}
		return c.printKey(client, key)
	}
}

// clientsRotate makes another key. The old one is good until the next time, so
// that it can be replaced wherever it is used; --now ends it.
func clientsRotate(fs *pflag.FlagSet) action {
	now := fs.Bool("now", false, "")
	return func(_ context.Context, c *call) error {
		clients, err := c.openClients()
		if err != nil {
			return err
		}
		client, key, err := clients.Rotate(c.args[0], *now)
		if err != nil {
			return onFile("rotating the key of %q: %w", c.args[0], err).hint("nothing was changed")
		}
		if *now {
			// Up to the new key and no further, or /v1/verify would refuse that too.
			until := instant(client.RotatedAt.Add(-time.Millisecond))
			c.say("no other key of %s is good any more; tokens that were bought with one are: rescind revoke --sub %s --cutoff %s", client.Name, client.ID, until)
		} else {
			c.say("the key before this one stays good until the next rotation, or --now")
		}
		return c.printKey(client, key)
	}
}

func clientsList(*pflag.FlagSet) action {
	return func(_ context.Context, c *call) error {
		clients, err := c.openClients()
		if err != nil {
			return err
		}
		return c.printClients(clients.List()...)
	}
}

// clientsRemove first makes the keys worthless, then revokes the tokens that
// they bought: whoever asked for one meanwhile has its instant from before the
// cutoff (R6). Where no denylist is named, it says what is left to do.
func clientsRemove(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		clients, err := c.openClients()
		if err != nil {
			return err
		}
		if !c.set("redis") && !c.set("server") {
			return c.removeClient(clients, func(client server.Client) error {
				c.say("removed %s: its keys and its refresh tokens are refused from now on", client.Name)
				c.say("access tokens that it has live until they expire; to end its own at once: rescind revoke --sub %s", client.ID)
				return nil
			})
		}
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		issuer, err := c.issuerFor(list) // asks: better to find it gone before anything is changed
		if err != nil {
			return err
		}
		return c.removeClient(clients, func(client server.Client) error {
			entry := denylist.SubjectEntry(issuer, client.ID, time.Time{}).WithReason("client removed")
			if _, err := list.revoke(ctx, entry, false); err != nil {
				return cannotTell("the tokens of %q were not revoked: %w", client.Name, err).
					hint("the client is removed, but access tokens that it has still work").
					hint("rescind revoke --sub %s", client.ID)
			}
			c.say("removed %s and revoked its tokens", client.Name)
			return nil
		})
	}
}

func (c *call) removeClient(clients *server.Clients, then func(server.Client) error) error {
	client, err := clients.Remove(c.args[0])
	if err != nil {
		return onFile("removing %q: %w", c.args[0], err).hint("nothing was changed")
	}
	return then(client)
}

// clientRow is a client as --json shows it.
type clientRow struct {
	Name       string   `json:"name"`
	ID         string   `json:"client_id"`
	Public     bool     `json:"public"`
	Scope      []string `json:"scope"`
	Keys       int      `json:"keys"`
	CreatedAt  string   `json:"created_at"`
	RotatedAt  string   `json:"rotated_at,omitempty"`
	LastUsedAt string   `json:"last_used_at,omitempty"`
}

func rowOfClient(client server.Client) clientRow {
	row := clientRow{
		client.Name, client.ID, client.Public, client.Scope, client.Keys,
		instant(client.CreatedAt), instant(client.RotatedAt), instant(client.LastUsedAt),
	}
	if row.Scope == nil {
		row.Scope = []string{}
	}
	return row
}

// printKey shows a client with its new key, this once.
func (c *call) printKey(client server.Client, key string) error {
	if c.json {
		answer := map[string]any{"client": rowOfClient(client)}
		if key != "" {
			answer["key"] = key
		}
		return c.printJSON(answer)
	}
	if key != "" {
		c.say("the key is shown this once: only its hash is kept")
	}
	return c.printFacts(
		[2]string{"name", client.Name}, [2]string{"client id", client.ID},
		[2]string{"scope", strings.Join(client.Scope, " ")}, [2]string{"key", key},
	)
}

func (c *call) printClients(clients ...server.Client) error {
	list := []clientRow{}
	rows := [][]string{}
	for _, client := range clients {
		row := rowOfClient(client)
		list = append(list, row)
		keys := strconv.Itoa(row.Keys)
		if row.Public {
			keys = "public"
		}
		rows = append(rows, []string{row.Name, row.ID, strings.Join(row.Scope, " "), keys, row.CreatedAt, row.RotatedAt, row.LastUsedAt})
	}
	if c.json {
		return c.printJSON(map[string]any{"clients": list})
	}
	return c.printTable([]string{"NAME", "CLIENT ID", "SCOPE", "KEYS", "CREATED", "ROTATED", "LAST USED"}, rows)
}
