package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rescindhq/rescind/cmd/internal/trust"
	"github.com/rescindhq/rescind/cmd/rescind-extauthz/extauthz"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

const (
	// maxRequest is the most bytes of one question: a request's headers, and
	// nothing of its body.
	maxRequest = 256 << 10
	// lookEvery is how often keys and health are looked after.
	lookEvery = time.Second
	// probeTime is how long a probe of the denylist may take.
	probeTime = 2 * time.Second
	// stopTime is what calls in flight have at the end.
	stopTime = 5 * time.Second
)

// service is what answers Envoy, and what it stands on.
type service struct {
	settings *settings
	log      *slog.Logger
	redis    *denylist.Redis
	mirror   *denylist.Mirror // nil: strict
	verifier *verifier.Verifier
	health   *health.Server
	last     map[string]string // what was logged last, by topic
}

// serve answers until ctx ends. ready is called once with the address.
func (s *settings) serve(ctx context.Context, log *slog.Logger, ready func(addr string)) error {
	client, err := denylist.OpenURL(s.redis, s.password)
	if err != nil {
		return &usageError{fmt.Errorf("redis: %w", err)}
	}
	defer client.Close()
	v := &service{settings: s, log: log, health: health.NewServer(), last: map[string]string{}}
	if v.redis, err = denylist.NewRedis(client, denylist.RedisOptions{
		Prefix: s.prefix, Partitions: s.partitions, SkewMargin: s.skewMargin, MaxStaleness: s.maxStaleness,
		Lifetime: max(s.maxAccessLifetime, s.maxRefreshLifetime), CheckTimeout: s.checkTimeout, InsecureSkipInspection: s.skipInspection,
	}); err != nil {
		return &usageError{err}
	}
	if _, err := v.redis.Inspect(ctx); err != nil { // R17
		if errors.Is(err, denylist.ErrUnfit) {
			return &usageError{err}
		}
		return err
	}
	if err := v.trust(); err != nil {
		return &usageError{err}
	}
	return v.run(ctx, ready)
}

// trust opens the keys, and the verifier that they are for.
func (v *service) trust() error {
	ours, err := v.ourIssuer()
	if err != nil {
		return err
	}
	others, err := trust.Issuers(v.settings.tables)
	if err != nil {
		return fmt.Errorf("[[issuers]]: %w", err)
	}
	var list verifier.Denylist = v.redis
	if v.settings.check != "strict" {
		options := denylist.MirrorOptions{Confirmed: v.settings.check == "confirmed", OnState: v.mirrorState}
		if v.mirror, err = denylist.NewMirror(v.redis, options); err != nil {
			return err
		}
		list = v.mirror
	}
	all, err := verifier.New(list, append(others, ours), verifier.Options{Leeway: v.settings.leeway})
	if err != nil {
		return err
	}
	v.verifier, err = all.Only(append([]string{ours.Name}, v.settings.forwardAuthIssuers...)...)
	return err
}

// ourIssuer trusts the access tokens that rescind serve issues. A gateway has no
// business with the keys that sign them: a directory of those is left alone,
// and the issuer itself is asked for the public ones.
func (v *service) ourIssuer() (verifier.Issuer, error) {
	s := v.settings
	ours := verifier.Issuer{Name: s.issuer, Audiences: s.audience, MaxLifetime: s.maxAccessLifetime}
	info, err := os.Stat(s.keys)
	if s.keys == "" || err == nil && info.IsDir() {
		ours.Keys, err = verifier.NewRemote(s.issuer, verifier.RemoteOptions{})
	} else if err == nil {
		ours.Keys, err = trust.KeyFile(s.keys, "")
	}
	if err != nil {
		return verifier.Issuer{}, fmt.Errorf("keys of our own issuer: %w", err)
	}
	return ours, nil
}

func (v *service) run(ctx context.Context, ready func(addr string)) error {
	server, err := v.grpcServer()
	if err != nil {
		return &usageError{err}
	}
	listener, err := net.Listen("tcp", v.settings.addr)
	if err != nil {
		return &usageError{err}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error { v.look(ctx); return nil })
	if v.mirror != nil {
		group.Go(func() error {
			if err := v.mirror.Run(ctx); !errors.Is(err, context.Canceled) {
				return &usageError{err}
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		v.health.Shutdown()
		late := time.AfterFunc(stopTime, server.Stop)
		defer late.Stop()
		server.GracefulStop()
		return nil
	})
	ready(listener.Addr().String())
	return group.Wait()
}

func (v *service) grpcServer() (*grpc.Server, error) {
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(maxRequest), grpc.ConnectionTimeout(stopTime)}
	if v.settings.tlsCert != "" {
		secure, err := credentials.NewServerTLSFromFile(v.settings.tlsCert, v.settings.tlsKey)
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.Creds(secure))
	}
	server := grpc.NewServer(options...)
	authorization := extauthz.New(v.verifier)
	authorization.OnPanic = func(cause any) {
		v.log.Error("panic", slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
	}
	authv3.RegisterAuthorizationServer(server, authorization)
	healthpb.RegisterHealthServer(server, v.health)
	v.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING) // until it has looked
	return server, nil
}
