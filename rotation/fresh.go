package rotation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/denylist"
)

const (
	maxExtra      = 3 << 10 // bytes of the application's claims, as JSON: a token has 8 KiB
	maxExtraDepth = 16      // a verifier reads JSON that is nested 32 deep
)

// ClaimsRequest says whose tokens are about to be signed.
type ClaimsRequest struct {
	Subject  string
	Session  string   // sid
	ClientID string   // empty: none
	Scope    []string // what the access token gets if the answer names no other
	Version  int64    // of the token that is exchanged; 0 at login
}

// FreshClaims are what the application says of a subject now. An error in its
// place, or one that no token could hold, is denylist.ErrUnavailable to the
// caller of Login and Exchange: nothing is signed and nothing spent.
//
// The answer to a retry (R11) has the scope and the version on record. Its
// Extra is asked again, since a chain has no room for it: it may be newer than
// in the answer that was lost.
type FreshClaims struct {
	// Extra is added to access tokens: at most 3 KiB as JSON. Names that have a
	// meaning in our tokens are refused, in any case of letters.
	Extra map[string]any
	// Scope replaces the scope of the access token, where it is not nil: what
	// the subject may do now, more or less than was granted at login. An
	// exchange that asked for less gets what it asked for of it. At most 900
	// bytes, unless it is what was granted.
	Scope []string
	// Version is cv, if it is later than Options.ClaimsVersion.
	Version int64
}

// freshen asks the application for what it has to say.
func (s *Sessions) freshen(ctx context.Context, d descent, m mint, asked []string, version int64) (mint, error) {
	if s.opts.Claims == nil {
		return m, nil
	}
	fresh, err := s.opts.Claims(ctx, ClaimsRequest{
		Subject: d.subject, Session: d.session.String(), ClientID: d.clientID,
		Scope: strings.Fields(m.scope), Version: version,
	})
	if err == nil {
		err = m.take(fresh, d.scope, asked)
	}
	if err != nil {
		// Not wrapped: whatever the application's error is, it is no verdict on
		// the token (R14).
		return mint{}, fmt.Errorf("%w: rotation: asking for claims: %v", denylist.ErrUnavailable, err)
	}
	return m, nil
}

// take makes the application's claims those of the generation.
func (m *mint) take(fresh FreshClaims, grant string, asked []string) (err error) {
	m.version = max(m.version, fresh.Version)
	if fresh.Scope != nil {
		scope := slices.DeleteFunc(slices.Clone(fresh.Scope), func(word string) bool {
			return len(asked) > 0 && !slices.Contains(asked, word)
		})
		if m.scope = strings.Join(scope, " "); m.scope != grant && !isScope(m.scope) {
			return errors.New("scope is none, or over 900 bytes")
		}
	}
	m.extra, err = encodeExtra(fresh.Extra)
	return err
}

// ownNames are the claims that the application has no say in.
var ownNames = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "rot", "scope", "client_id", "auth_time", "auth_ms",
	"session_exp", "renewable", "grant", "access_exp", "cv", "mark_ms", "cnf",
}

// encodeExtra writes the application's claims, as a verifier will read them.
func encodeExtra(extra map[string]any) (jsontext.Value, error) {
	for name := range extra {
		// Readers that ignore case would take it for ours.
		if slices.ContainsFunc(ownNames[:], func(own string) bool { return strings.EqualFold(own, name) }) {
			return nil, fmt.Errorf("claim %.40q is not the application's", name)
		}
	}
	if len(extra) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(extra, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if len(data) > maxExtra {
		return nil, fmt.Errorf("claims of %d bytes: want at most %d", len(data), maxExtra)
	}
	tokens := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		switch _, err := tokens.ReadToken(); {
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case tokens.StackDepth() > maxExtraDepth:
			return nil, fmt.Errorf("claims nested over %d deep", maxExtraDepth)
		}
	}
}

// narrow is what is asked for of a grant, in its order (RFC 6749, section 6).
func narrow(grant string, asked []string) (string, error) {
	if len(asked) == 0 {
		return grant, nil
	}
	granted := strings.Fields(grant)
	for _, word := range asked {
		if !slices.Contains(granted, word) {
			return "", fmt.Errorf("%w: %.40q", ErrScope, word)
		}
	}
	scope := strings.Join(slices.DeleteFunc(granted, func(word string) bool { return !slices.Contains(asked, word) }), " ")
	if scope != grant && len(scope) > maxOtherScope {
		return "", fmt.Errorf("%w: over %d bytes of less than was granted", ErrScope, maxOtherScope)
	}
	return scope, nil
}
