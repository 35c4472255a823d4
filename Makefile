# The targets of this repository; "make help" lists them.

GO       ?= go
FUZZTIME ?= 20s
BENCH    ?= .
ARGS     ?=
ROUNDS   ?= 1000
SEED     ?= 0
BUDGET   ?= 3m

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: build
build: ## build bin/rescind
	$(GO) build -trimpath -o bin/rescind ./cmd/rescind

.PHONY: run
run: build ## start a server with nothing installed: the embedded store (ARGS="--addr ...")
	@exec bin/rescind serve $(ARGS)

.PHONY: demo
demo: build ## show a login, an exchange, a replay and a revocation, and what each costs
	@bin/rescind demo

# Installs redis-server, or a C compiler for the race detector, only as root or
# with INSTALL=1; otherwise it says which command would.
.PHONY: test
test: ## every test with -race (but interop), against a private, real redis-server
	@redis=$$(.ci/prepare) || exit 2; export REDIS_SERVER="$$redis"; GO="$(GO)" .ci/test

# Installs what is missing, nginx, Caddy, HAProxy, Apache, node, Python and Ruby,
# only as root or with INSTALL=1; otherwise it says which command would.
.PHONY: interop
interop: ## real third-party programs against the real binary on real Redis
	.ci/interop

.PHONY: cover
cover: ## every test, with the coverage of every package in coverage.out
	@redis=$$(.ci/prepare) || exit 2; export REDIS_SERVER="$$redis"; set -ex; \
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...; \
	$(GO) tool cover -func=coverage.out | tail -n 1

.PHONY: bench
bench: ## measure the numbers of README.md: the table there, the page in dist/bench
	.ci/bench dist/bench

.PHONY: bench-peers
bench-peers: ## measure rescind beside what others offer: the table in README.md, the page in dist/bench-peers
	.ci/bench-peers dist/bench-peers

.PHONY: gobench
gobench: ## the Go benchmarks (BENCH=pattern)
	@redis=$$(.ci/prepare) || exit 2; export REDIS_SERVER="$$redis"; set -x; \
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

# Prints its seed and the measured maximum. 1,000 rounds take a quarter of an hour.
.PHONY: mirror-chaos
mirror-chaos: ## mirrors whose links, servers and Redis fail at random (ROUNDS=1000 SEED=n; 0: any)
	@redis=$$(.ci/prepare) || exit 2; export REDIS_SERVER="$$redis"; set -x; \
	$(GO) test -count=1 -timeout 0 -v -run TestR15_MirrorChaos ./internal/proofs -mirror-rounds $(ROUNDS) -mirror-seed $(SEED)

# Three searches of BUDGET each, on a redis-server of its own; wants a machine with nothing else to do.
.PHONY: tune-proof
tune-proof: ## bench tune behind 0, 1 and 10 ms: different settings, none worse than the defaults (BUDGET=3m)
	@redis=$$(.ci/prepare) || exit 2; export REDIS_SERVER="$$redis"; set -x; \
	$(GO) test -count=1 -timeout 0 -v -run TestTune_Proof ./cmd/rescind -tune-budget $(BUDGET)

.PHONY: lint
lint: ## gofmt, go vet and staticcheck
	.ci/lint

.PHONY: fmt
fmt: ## format every file
	gofmt -w .

.PHONY: ci
ci: ## all that is checked before a change is taken
	.ci/run

.PHONY: install
install: ## install rescind where go install puts it
	$(GO) install -trimpath ./cmd/rescind

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist coverage.out
