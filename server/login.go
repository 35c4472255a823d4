package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"golang.org/x/crypto/bcrypt"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// loginBody is what somebody logs in with.
type loginBody struct {
	Username *string `json:"username"` // or an e-mail address
	Password *string `json:"password"`
	Label    string  `json:"label"` // of the session, in the inventory
}

// login begins a session. Its instant is read on the store's clock before the
// credentials are looked at, so that a revocation during the hashing of the
// password catches it (R6), and no password is hashed while the denylist is
// out of reach.
func (s *Server) login(a *answer, r *http.Request) error {
	var body loginBody
	if err := readJSON(a, r, &body); err != nil {
		return err
	}
	if body.Username == nil || body.Password == nil {
		return badRequest("A login needs a username and a password.")
	}
	if !denylist.ValidLabel(body.Label) {
		return badRequest("A label is at most %d bytes of printable text.", denylist.MaxLabel)
	}
	client, err := s.loginClient(r)
	if err != nil {
		return err
	}
	tokens, err := s.begin(r, body, client.ID)
	s.metrics.login(err)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		// For whoever wonders why this user cannot log in. The answer is that of
		// any wrong password: another would say that there is such a user.
		a.note(slog.String("password", fmt.Sprintf("over the %d bytes that its bcrypt hash knows", maxBcrypt)))
	}
	if err != nil {
		return err
	}
	return a.json(http.StatusCreated, s.tokens(tokens))
}

// begin makes a pair of the client's, or nobody's where clientID is empty. Its
// scope is the user's: that of the client is of its own tokens.
func (s *Server) begin(r *http.Request, c loginBody, clientID string) (rotation.Tokens, error) {
	ctx := r.Context()
	at, err := s.sessions.Now(ctx)
	if err != nil {
		return rotation.Tokens{}, err
	}
	who, err := s.authenticateUser(ctx, s.trial(r, *c.Username), *c.Username, *c.Password)
	if err != nil {
		return rotation.Tokens{}, err
	}
	tokens, err := s.sessions.Login(ctx, rotation.Login{
		At: at, Subject: who.Subject, Scope: who.Scope, ClientID: clientID, Label: c.Label,
	})
	if err != nil {
		// Who knows the password has done nothing wrong: 503, whatever it is.
		return rotation.Tokens{}, fmt.Errorf("server: cannot begin a session: %v", err)
	}
	return tokens, nil
}

// authenticateUser looks at a password, if its turn has come. The attempt is
// counted as a failure before, and taken back where it was none: of attempts
// that run at once no more are looked at than may fail.
func (s *Server) authenticateUser(ctx context.Context, t denylist.Trial, username, password string) (Identity, error) {
	if s.throttle != nil {
		if err := s.throttle.Try(ctx, t); err != nil {
			return Identity{}, err
		}
	}
	who, err := s.opts.Login.Authenticate(ctx, username, password)
	s.watchLogin()
	if s.throttle != nil {
		s.settle(ctx, t, err)
	}
	return who, err
}

// settle says how an attempt ended that was counted. Who hung up before that
// has failed: otherwise hanging up would make hashing free. A count that stays
// because the store fails now is one failure too many, and no more.
func (s *Server) settle(ctx context.Context, t denylist.Trial, err error) {
	hungUp := ctx.Err() != nil && !errors.Is(err, ErrBusy)
	ctx = context.WithoutCancel(ctx)
	switch {
	case err == nil:
		_ = s.throttle.Admit(ctx, t)
	case errors.Is(err, ErrCredentials), hungUp:
	default:
		_ = s.throttle.Excuse(ctx, t)
	}
}

// watchLogin logs, once, that the file of users has gone bad or good again.
func (s *Server) watchLogin() {
	if users, ok := s.opts.Login.(interface{ Health() error }); ok {
		s.logChange(&s.loginState, "users", users.Health())
	}
}
