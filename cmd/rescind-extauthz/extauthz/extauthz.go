// Package extauthz answers Envoy's external authorization (gRPC, v3): the
// decision of rescind's /v1/verify, made in the process that Envoy asks.
package extauthz

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/rescindhq/rescind/verifier"
)

// scopeExtension is the context extension by which a route of Envoy's says
// which scopes a token must have: "read write". Clients cannot set it.
const scopeExtension = "scope"

// Server is Envoy's Authorization service. It is safe for concurrent use.
//
// A request that may pass goes on with the X-Auth-… headers of
// [verifier.Identity], whatever its client has sent by these names. One that
// may not is answered by Envoy with 401, 403 or 503, the challenge and the JSON
// that rescind's own API has. Envoy must be configured to let nothing pass
// where this server does not answer: failure_mode_allow is false by default.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	verifier *verifier.Verifier

	// OnPanic, set before the first call, is told of a panic. Its request is
	// answered with 503. Default nobody.
	OnPanic func(cause any)
}

var _ authv3.AuthorizationServer = (*Server)(nil)

// New returns a server that accepts the tokens of v.
func New(v *verifier.Verifier) *Server { return &Server{verifier: v} }

// Check implements authv3.AuthorizationServer. It returns no error: what cannot
// be told is a 503, a panic included, which would end the process: gRPC keeps
// none from that.
func (s *Server) Check(ctx context.Context, r *authv3.CheckRequest) (response *authv3.CheckResponse, _ error) {
	defer func() {
		if cause := recover(); cause != nil {
			if s.OnPanic != nil {
				s.OnPanic(cause)
			}
			response = denied(verifier.RefusalOf(errPanic))
		}
	}()
	return s.decide(ctx, r), nil
}

// errPanic is a fault of ours: nobody can tell.
var errPanic = errors.New("extauthz: a panic")

func (s *Server) decide(ctx context.Context, r *authv3.CheckRequest) *authv3.CheckResponse {
	raw, err := verifier.BearerToken(&http.Request{Header: authorization(r)})
	if err != nil {
		return denied(verifier.RefusalOf(err))
	}
	claims, err := s.verifier.Verify(ctx, raw)
	if err != nil {
		return denied(verifier.RefusalOf(err))
	}
	wanted, asked := r.GetAttributes().GetContextExtensions()[scopeExtension]
	scopes := strings.Fields(wanted)
	if asked && len(scopes) == 0 || slices.ContainsFunc(scopes, func(w string) bool { return !claims.HasScope(w) }) {
		refusal := verifier.RefusalOf(verifier.ErrScope)
		refusal.Scope = strings.Join(scopes, " ")
		return denied(refusal)
	}
	return allowed(claims.Identity(), lookalikes(r))
}

// authorization are the request's Authorization headers, in whichever form
// Envoy was configured to send them: where there are two, it joins them by a
// comma, which no token has, or lists both.
func authorization(r *authv3.CheckRequest) http.Header {
	const name = "Authorization"
	found := http.Header{}
	for key, value := range headers(r) {
		if strings.EqualFold(key, name) {
			found.Add(name, value)
		}
	}
	return found
}

// lookalikes are the names that the client sent of headers which an application
// may take for rescind's: CGI and its kin make no difference between hyphens and
// underscores. Envoy lets them pass where headers_with_underscores_action does.
func lookalikes(r *authv3.CheckRequest) []string {
	var found []string
	for name := range headers(r) {
		if !strings.Contains(name, "_") {
			continue
		}
		plain := http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
		if _, ours := (verifier.Identity{}).Headers()[plain]; ours {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// headers are those of the request, in whichever form Envoy sends them.
func headers(r *authv3.CheckRequest) iter.Seq2[string, string] {
	request := r.GetAttributes().GetRequest().GetHttp()
	return func(yield func(name, value string) bool) {
		for name, value := range request.GetHeaders() {
			if !yield(name, value) {
				return
			}
		}
		for _, header := range request.GetHeaderMap().GetHeaders() {
			value := header.GetValue()
			if raw := header.GetRawValue(); raw != nil {
				value = string(raw)
			}
			if !yield(header.GetKey(), value) {
				return
			}
		}
	}
}

// allowed lets a request pass. A header that has a value replaces the client's;
// one without is removed, since Envoy leaves out a header that is empty. None is
// in both lists: Envoy removes last.
func allowed(who verifier.Identity, remove []string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: remove}
	headers := who.Headers()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if value := headers.Get(name); value != "" {
			ok.Headers = append(ok.Headers, header(name, value))
			continue
		}
		ok.HeadersToRemove = append(ok.HeadersToRemove, name)
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// denied answers a request as rescind's own API does.
func denied(refusal verifier.Refusal) *authv3.CheckResponse {
	to := recorder{header: http.Header{}}
	refusal.Write(&to)
	to.header.Del("Content-Length") // Envoy's own
	response := &authv3.DeniedHttpResponse{
		Status: &typev3.HttpStatus{Code: typev3.StatusCode(to.status)},
		Body:   to.body.String(),
	}
	for _, name := range slices.Sorted(maps.Keys(to.header)) {
		response.Headers = append(response.Headers, header(name, to.header.Get(name)))
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codeOf(refusal)), Message: refusal.Code},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: response},
	}
}

// codeOf is what Envoy counts; clients see the HTTP status.
func codeOf(refusal verifier.Refusal) codes.Code {
	switch refusal.Status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	}
	return codes.Unavailable
}

func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// recorder keeps a refusal that is written (http.ResponseWriter).
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
