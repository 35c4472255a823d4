// Package grpcauth lets only calls with a valid bearer token into a gRPC
// service: its metadata has authorization: Bearer …, once.
package grpcauth

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rescindhq/rescind/verifier"
)

// Options are the settings of an [Interceptor]. The zero value is safe: every
// method needs a token.
type Options struct {
	// Public reports whether a method, such as /grpc.health.v1.Health/Check,
	// may be called without a token. Default none.
	Public func(method string) bool
	// Scopes are those that a method's callers must have. Default none.
	Scopes func(method string) []string
}

// Interceptor authenticates the calls of a gRPC server. It is safe for
// concurrent use.
//
// A refused call ends with Unauthenticated, PermissionDenied (a scope is
// missing) or Unavailable (it cannot be told, R14), and with an
// errdetails.ErrorInfo whose reason is the error code of rescind's HTTP API.
type Interceptor struct {
	verifier *verifier.Verifier
	opts     Options
}

// New returns an interceptor that accepts the tokens of v.
func New(v *verifier.Verifier, opts Options) *Interceptor { return &Interceptor{v, opts} }

// Unary is for grpc.UnaryInterceptor.
func (i *Interceptor) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := i.authenticate(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, request)
}

// Stream is for grpc.StreamInterceptor. A token is looked at when a stream
// begins: a stream that goes on for long asks [verifier.Verifier.Verify] itself.
func (i *Interceptor) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := i.authenticate(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(server, authenticated{stream, ctx})
}

// authenticated is a stream whose context has claims.
type authenticated struct {
	grpc.ServerStream
	ctx context.Context
}

func (a authenticated) Context() context.Context { return a.ctx }

// claimsKey is the context key of a call's claims.
type claimsKey struct{}

// FromContext returns the claims of a call's token. A public method has none,
// whatever was sent.
func FromContext(ctx context.Context) (verifier.Claims, bool) {
	claims, ok := ctx.Value(claimsKey{}).(verifier.Claims)
	return claims, ok
}

func (i *Interceptor) authenticate(ctx context.Context, method string) (context.Context, error) {
	if i.opts.Public != nil && i.opts.Public(method) {
		return ctx, nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	raw, err := verifier.BearerToken(&http.Request{Header: http.Header{"Authorization": values}})
	if err != nil {
		return nil, Status(err)
	}
	claims, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, Status(err)
	}
	if i.opts.Scopes != nil {
		for _, scope := range i.opts.Scopes(method) {
			if !claims.HasScope(scope) {
				return nil, Status(verifier.ErrScope)
			}
		}
	}
	return context.WithValue(ctx, claimsKey{}, claims), nil
}

// Status is an error of a verifier as gRPC shows it.
func Status(err error) error {
	refusal := verifier.RefusalOf(err)
	code := codes.Unavailable
	switch refusal.Status {
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusForbidden:
		code = codes.PermissionDenied
	}
	plain := status.New(code, strings.TrimSuffix(refusal.Description, "."))
	detailed, err := plain.WithDetails(&errdetails.ErrorInfo{Reason: refusal.Code, Domain: "rescind"})
	if err != nil {
		return plain.Err()
	}
	return detailed.Err()
}
