package grpcauth_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/rescindhq/rescind/cmd/rescind-extauthz/grpcauth"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/verifier"
)

// echo answers with the caller's subject, which is no health at all.
type echo struct {
	healthpb.UnimplementedHealthServer
	subject chan string
}

func (e *echo) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	claims, _ := grpcauth.FromContext(ctx)
	e.subject <- claims.Subject()
	return &healthpb.HealthCheckResponse{}, nil
}

func (e *echo) Watch(_ *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	claims, _ := grpcauth.FromContext(stream.Context())
	e.subject <- claims.Subject()
	return stream.Send(&healthpb.HealthCheckResponse{})
}

func (e *echo) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	e.subject <- "nobody"
	return &healthpb.HealthListResponse{}, nil
}

// flaky is a denylist that fails at will.
type flaky struct {
	*denylist.Memory
	broken bool
}

func (f *flaky) Check(ctx context.Context, t denylist.Token) error {
	if f.broken {
		return errors.New("no network")
	}
	return f.Memory.Check(ctx, t)
}

func TestInterceptor(t *testing.T) {
	t.Parallel()
	issuer := idptest.Keycloak(t)
	keys, err := verifier.NewRemote(issuer.Name, verifier.RemoteOptions{})
	require.NoError(t, err)
	list := &flaky{Memory: denylist.NewMemory(denylist.MemoryOptions{})}
	v, err := verifier.New(list, []verifier.Issuer{{
		Name: issuer.Name, Keys: keys, Audiences: []string{"account"}, Types: []string{"JWT"},
	}}, verifier.Options{})
	require.NoError(t, err)
	auth := grpcauth.New(v, grpcauth.Options{
		Public: func(method string) bool { return method == healthpb.Health_List_FullMethodName },
		Scopes: func(method string) []string { return []string{"email"} },
	})
	service := &echo{subject: make(chan string, 1)}
	client := dial(t, service, auth)

	unary := func(ctx context.Context) error {
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	stream := func(ctx context.Context) error {
		s, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
		if err == nil {
			_, err = s.Recv()
		}
		return err
	}
	with := func(values ...string) context.Context {
		ctx := t.Context()
		for _, v := range values {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
		}
		return ctx
	}
	good := "Bearer " + issuer.Token(nil)
	revoked := "Bearer " + issuer.Token(map[string]any{"jti": "revoked"})
	_, err = list.Revoke(t.Context(), denylist.TokenEntry(issuer.Name, "revoked", time.Now().Add(time.Hour)))
	require.NoError(t, err)

	for name, call := range map[string]func(context.Context) error{"unary": unary, "stream": stream} {
		require.NoError(t, call(with(good)), name)
		assert.Equal(t, "9b2f3c1e-0a57-4f6c-8f0b-6c1f8a1f2d11", <-service.subject, name)
		for _, tt := range []struct {
			name string
			ctx  context.Context
			code codes.Code
			why  string
		}{
			{"no token", with(), codes.Unauthenticated, "token_missing"},
			{"another scheme", with("Basic YTpi"), codes.Unauthenticated, "token_missing"},
			{"two tokens", with(good, good), codes.Unauthenticated, "token_malformed"},
			{"not a token", with("Bearer x"), codes.Unauthenticated, "token_malformed"},
			{"revoked", with(revoked), codes.Unauthenticated, "token_revoked"},
			{"a scope it lacks", with("Bearer " + issuer.Token(map[string]any{"scope": "openid"})), codes.PermissionDenied, "insufficient_scope"},
		} {
			refused(t, call(tt.ctx), tt.code, tt.why, name+": "+tt.name)
		}
		list.broken = true
		refused(t, call(with(good)), codes.Unavailable, "denylist_unavailable", name)
		list.broken = false
	}
	_, err = client.List(with("Bearer x"), &healthpb.HealthListRequest{})
	require.NoError(t, err, "a public method")
	assert.Equal(t, "nobody", <-service.subject)
	assert.Empty(t, service.subject, "no refused call reached the service")
}

func refused(t *testing.T, err error, code codes.Code, reason, why string) {
	t.Helper()
	s, ok := status.FromError(err)
	require.True(t, ok, why)
	assert.Equal(t, code, s.Code(), why)
	require.Len(t, s.Details(), 1, why)
	info, ok := s.Details()[0].(*errdetails.ErrorInfo)
	require.True(t, ok, why)
	assert.Equal(t, reason, info.GetReason(), why)
}

func dial(t *testing.T, service healthpb.HealthServer, auth *grpcauth.Interceptor) healthpb.HealthClient {
	t.Helper()
	server := grpc.NewServer(grpc.UnaryInterceptor(auth.Unary), grpc.StreamInterceptor(auth.Stream))
	healthpb.RegisterHealthServer(server, service)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:service", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func Example() {
	// As in any program that verifies tokens: see the package verifier.
	keys, err := verifier.NewRemote("https://id.example", verifier.RemoteOptions{})
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), []verifier.Issuer{{
		Name: "https://id.example", Keys: keys, Audiences: []string{"api"},
	}}, verifier.Options{})
	if err != nil {
		panic(err)
	}
	auth := grpcauth.New(v, grpcauth.Options{})
	server := grpc.NewServer(grpc.UnaryInterceptor(auth.Unary), grpc.StreamInterceptor(auth.Stream))
	server.Stop()
	// Output:
}
