module github.com/rescindhq/rescind/internal/interop

go 1.26.4

replace github.com/rescindhq/rescind => ../..

require (
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/rescindhq/rescind v0.0.0
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	github.com/redis/go-redis/v9 v9.23.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
