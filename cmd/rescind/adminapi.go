package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

const (
	// maxAnswer is the most bytes that an answer of the admin API may have: a
	// page of a thousand entries with the longest ids and reasons.
	maxAnswer = 4 << 20
	// remotePatience is how long a command waits for a server, beside a barrier.
	remotePatience = 10 * time.Second
)

// adminAPI sends requests to a server's admin listener.
type adminAPI struct {
	base   string
	token  string // the admin token
	client *http.Client
}

// openAdminAPI reads --server and RESCIND_ADMIN_TOKEN.
func (c *call) openAdminAPI() (adminAPI, error) {
	if err := c.oneServer(); err != nil {
		return adminAPI{}, err
	}
	u, err := url.Parse(c.server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return adminAPI{}, usageError("%s is not the URL of a server", c.origin["server"]).hint("want http://host:port or https://host:port, of the admin listener")
	}
	token, err := adminToken(c.getenv)
	if err != nil {
		return adminAPI{}, err
	}
	if token == "" {
		return adminAPI{}, usageError("%s needs the admin token", c.origin["server"]).hint("set RESCIND_ADMIN_TOKEN or RESCIND_ADMIN_TOKEN_FILE")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		c.say("warning: the admin token goes to %s in clear text", u.Host)
	}
	client := &http.Client{
		Timeout: remotePatience,
		// The admin token goes to the server that was named, and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return adminAPI{base: strings.TrimSuffix(c.server, "/"), token: token, client: client}, nil
}

// do sends a request and reads the answer into the value that it is given. A
// change whose outcome is not known wraps denylist.ErrUnknown.
func (a adminAPI) do(ctx context.Context, method, path string, body, into any) error {
	unknown := denylist.ErrUnavailable
	if method != http.MethodGet {
		unknown = denylist.ErrUnknown
	}
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, payload)
	if err != nil {
		return usageError("asking the server: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := a.client.Do(req)
	if err != nil {
		return (&failure{code: exitCannotTell, err: fmt.Errorf("%w: %w", unknown, err)}).
			hint("is the server up, and is %s its admin listener?", a.base)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w: %w", unknown, err)
	}
	if res.StatusCode >= 300 {
		return refusalIn(res.StatusCode, data, unknown)
	}
	if len(data) > 0 && into != nil && json.Unmarshal(data, into) != nil {
		return fmt.Errorf("%w: the answer is not JSON of the admin API", unknown)
	}
	return nil
}

// refusalIn makes an error of ours of a server's (docs/http.md).
func refusalIn(status int, data []byte, unknown error) error {
	var answer struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Code == "" {
		return fmt.Errorf("%w: the server answered %d and nothing of the admin API", unknown, status)
	}
	why := errors.New("the server says " + answer.Code + ": " + answer.Description)
	switch {
	case status == http.StatusUnauthorized:
		return usageError("%w", why).hint("RESCIND_ADMIN_TOKEN must be that server's")
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", denylist.ErrNotFound, why)
	case status == http.StatusConflict:
		return fmt.Errorf("%w: %w", denylist.ErrSpent, why)
	case status == http.StatusBadRequest && strings.HasPrefix(answer.Code, "token_"):
		return notRevoked(refused("%w", why), answer.Code)
	case status == http.StatusBadRequest:
		return fmt.Errorf("%w: %w", denylist.ErrInvalid, why)
	}
	f := &failure{code: exitCannotTell, err: fmt.Errorf("%w: %w", unknown, why)}
	if status != http.StatusServiceUnavailable {
		return f
	}
	return f.hint("the server's log says what is wrong with its Redis; --redis URL asks that Redis past the server")
}
