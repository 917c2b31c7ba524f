# Muster's everyday commands. `make` alone lists them.
# Variables: PKG=./catalog/... narrows test, bench and lint; BENCH=Lookup and COUNT=10 choose benchmarks; FUZZTIME=30s;
# SEEDS=10000.

PKG      ?= ./...
BENCH    ?= .
COUNT    ?= 10
FUZZTIME ?= 30s
SEEDS    ?= 10000

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

BIN := .ci/bin

.DEFAULT_GOAL := help
.PHONY: help build check fmt fmt-check lint tidy-check test sim fuzz bench bench-cmp e2e clean

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Compile everything; the binary becomes ./muster.
	go build ./...
	@if [ -d cmd/muster ]; then go build -o muster ./cmd/muster; fi

check: fmt-check lint tidy-check test ## All that must pass before a commit.

fmt: $(BIN)/golangci-lint ## Format the code: gofumpt, imports in groups.
	$(BIN)/golangci-lint fmt

fmt-check: $(BIN)/golangci-lint ## Show what `make fmt` would change; fail if anything.
	$(BIN)/golangci-lint fmt --diff

lint: $(BIN)/golangci-lint ## Vet and lint (PKG).
	go vet $(PKG)
	$(BIN)/golangci-lint run $(PKG)

tidy-check: ## Fail if a go.mod or go.sum is not tidy.
	go mod tidy -diff
	go -C .ci/tools mod tidy -diff
	go -C api/xds mod tidy -diff
	@for m in api/client/grpcresolver api/client/contrib/*/go.mod; do go -C "$${m%/go.mod}" mod tidy -diff || exit; done
	go -C e2e/interop/goclients mod tidy -diff

test: ## Run the tests with the race detector (PKG).
	go test -race $(PKG)

sim: ## Run SEEDS schedules of faults in the simulator.
	go run ./e2e/sim --seeds $(SEEDS)

fuzz: ## Run every fuzz test for FUZZTIME each.
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file _ func; do \
		echo "== $${file%/*} $${func#func }"; \
		go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "$${file%/*}" </dev/null; \
	done

bench: ## Run the benchmarks COUNT times into .ci/bench/work.txt (PKG, BENCH).
	@mkdir -p .ci/bench
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKG) | tee .ci/bench/work.txt

bench-cmp: $(BIN)/benchstat ## Compare the benchmarks of this tree with those of BASE=ref (PKG, BENCH).
	@test -n '$(BASE)' || { echo 'bench-cmp: name the commit to compare with, as in: make bench-cmp BASE=main' >&2; exit 2; }
	@mkdir -p .ci/bench
	@base=$$(mktemp -d); trap 'git worktree remove --force "$$base"' EXIT; \
	git worktree add --quiet --detach "$$base" '$(BASE)'; \
	go -C "$$base" test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKG) > .ci/bench/base.txt
	@$(MAKE) --no-print-directory bench
	$(BIN)/benchstat .ci/bench/base.txt .ci/bench/work.txt

e2e: ## Run the end-to-end tests; a tool that is missing is a failure, not a skip.
	bash .ci/interop
	MUSTER_REQUIRE_ALL=1 go test -race ./e2e/...

clean: ## Remove what these targets made, but no Go cache.
	rm -rf $(BIN) .ci/bench
	rm -f muster

# The tools are built from a module of their own, so that they never enter the product's module graph.
$(BIN)/golangci-lint $(BIN)/gofumpt $(BIN)/benchstat &: .ci/tools/go.mod .ci/tools/go.sum
	@echo 'building the tools of .ci/tools (minutes the first time, seconds from the Go build cache)'
	@mkdir -p $(BIN)
	@go -C .ci/tools build -o ../bin/ tool
	@touch $(BIN)/golangci-lint $(BIN)/gofumpt $(BIN)/benchstat
