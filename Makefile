# make help lists the targets. Everything needs Go, gcc and make; what else a target uses it looks for, and says so when it is not there.

GO         ?= go
CC         ?= gcc
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -s -w -X main.version=$(VERSION)
GOLANGCI    = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
NFPM        = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
# The shared object asks for no newer C library than it needs: plugin/symver.h. test/pluginhost builds it likewise.
# Go's cache knows flags, but no file that they name; so its checksum is one of them.
# Go would stamp the commit in a clone, but not in a worktree, an archive or an image: without, all of them give the same file.
PLUGIN_BUILD = CGO_CFLAGS='-O2 -g $(CGO_CFLAGS) -include $(CURDIR)/plugin/symver.h -DSYMVER=$(firstword $(shell cksum plugin/symver.h))' $(GO) build -buildmode=c-shared -trimpath -buildvcs=false -tags netgo,osusergo \
	-ldflags '$(LDFLAGS) -buildid='
BENCHTIME  ?= 0.5s
COUNT      ?= 1
FUZZTIME   ?= 10s
export CGO_ENABLED = 1

# Every fuzz target there is, as package:name, found in the sources.
FUZZ_TARGETS = $(shell grep -rnoE --include='*_test.go' '^func (Fuzz[A-Za-z0-9]+)' . | sed -E 's|^\./(.*)/[^/]+:[0-9]+:func (.*)|./\1:\2|')

.PHONY: help build dist reproduce man demo test race pictures check vuln bench bench-gate bench-peers fuzz soak ci clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

build: bin/out_trigger.so bin/docker-fluentbit ## Build bin/out_trigger.so and bin/docker-fluentbit.

# Go knows best what is out of date.
.PHONY: bin/out_trigger.so bin/docker-fluentbit
bin/out_trigger.so:
	$(PLUGIN_BUILD) -o $@ ./plugin
	@rm -f bin/out_trigger.h
bin/docker-fluentbit:
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./docker-fluentbit

# What a release hands out. Everything but the plugin is static. The plugin needs a C compiler for each architecture; without a cross compiler
# the other one's plugin is left out. Two builds of a commit by one Go and one gcc are alike: make reproduce.
HOST_ARCH  := $(shell $(GO) env GOHOSTARCH)
CC_amd64   ?= $(if $(filter amd64,$(HOST_ARCH)),$(CC),x86_64-linux-gnu-gcc)
CC_arm64   ?= $(if $(filter arm64,$(HOST_ARCH)),$(CC),aarch64-linux-gnu-gcc)
DIST_PLUGINS  = dist/out_trigger-linux-amd64.so dist/out_trigger-linux-arm64.so
DIST_PROGRAMS = $(foreach platform,linux-amd64 linux-arm64 darwin-amd64 darwin-arm64,dist/docker-fluentbit-$(platform))

dist: ## Build what a release hands out into dist/: plugins, programs, packages, SBOM, SHA256SUMS.
	@rm -rf dist
	@mkdir dist
	@$(MAKE) --no-print-directory $(DIST_PLUGINS) $(DIST_PROGRAMS)
	$(GO) run ./docker-fluentbit/packages/sbom -version '$(VERSION)' -o dist/fluentbit-trigger.spdx.json -licenses dist/THIRD_PARTY_LICENSES dist/*
	@$(MAKE) --no-print-directory dist-packages
	cd dist && export LC_ALL=C && sha256sum -- * > SHA256SUMS
	FLUENTBIT_TRIGGER_DIST=$(CURDIR)/dist $(GO) test -count=1 ./test/artifacts

reproduce: ## Build dist/ again from a clone in another folder, without a cache, and compare the files.
	.ci/reproduce '$(VERSION)'

.PHONY: $(DIST_PLUGINS) $(DIST_PROGRAMS)
$(DIST_PLUGINS): dist/out_trigger-linux-%.so:
	@if command -v $(firstword $(CC_$*)) >/dev/null; then set -x; GOOS=linux GOARCH=$* CC='$(CC_$*)' $(PLUGIN_BUILD) -o $@ ./plugin && rm -f dist/*.h; \
	else echo "dist: no plugin for $*: $(CC_$*) is not on PATH (set CC_$*, or install Debian's gcc-$(if $(filter arm64,$*),aarch64,x86-64)-linux-gnu)"; fi
$(DIST_PROGRAMS): dist/docker-fluentbit-%:
	GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) CGO_ENABLED=0 \
		$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS) -buildid=' -o $@ ./docker-fluentbit

# A version without a tag is older than any with one. Times in packages are that of the commit.
PACKAGE_VERSION = $(if $(filter v%,$(VERSION)),$(VERSION:v%=%),0.0.0-g$(VERSION))
dist dist-packages: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: dist-packages
dist-packages: man
	@rm -rf bin/completions bin/man/gz
	@mkdir -p bin/completions bin/man/gz
	$(GO) run ./docker-fluentbit completion bash > bin/completions/docker-fluentbit.bash
	$(GO) run ./docker-fluentbit completion zsh > bin/completions/_docker-fluentbit
	$(GO) run ./docker-fluentbit completion fish > bin/completions/docker-fluentbit.fish
	@for page in bin/man/man1/*.1; do gzip -9n < $$page > bin/man/gz/$${page##*/}.gz; done
	@for arch in amd64 arm64; do for name in fluentbit-trigger docker-fluentbit; do for kind in deb rpm; do \
		if [ $$name = fluentbit-trigger ] && ! [ -e dist/out_trigger-linux-$$arch.so ]; then continue; fi; \
		ARCH=$$arch PACKAGE_VERSION='$(PACKAGE_VERSION)' \
		$(GO) run $(NFPM) package --config docker-fluentbit/packages/$$name.yaml --packager $$kind --target dist/ || exit 1; \
	done; done; done

man: ## Write the manual pages of docker-fluentbit to bin/man/man1.
	$(GO) run ./internal/cli/internal/gendoc -man bin/man/man1

bin/plugin-host: $(wildcard test/host/*.c test/host/*.h)
	@mkdir -p bin
	$(CC) -std=c11 -O1 -g -Wall -Wextra -Werror -o $@ $(filter %.c,$^) -ldl -pthread

demo: bin/out_trigger.so bin/plugin-host ## Run container logs through the plugin and show the alerts arriving.
	@$(GO) run ./test/demo

test: ## Run all tests. What needs Fluent Bit, Docker, redis-server or Chromium is skipped, with a line, where they are absent.
	$(GO) test -timeout 20m ./...
	$(GO) -C test/browser test -timeout 10m ./...
	$(GO) -C test/kubernetes test ./...

race: ## Run all tests with the race detector.
	$(GO) test -race -timeout 30m ./...
	$(GO) -C test/browser test -race -timeout 10m ./...

pictures: ## Draw the pictures of docs/pictures again. Needs Chromium.
	$(GO) -C test/browser test -count=1 -run 'Messages|Pictures' -pictures .

check: ## Format, vet, lint, modules, generated files.
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags noasm,faultinject ./engine/... ./plugin/... ./internal/pipeline/...
	$(GO) run $(GOLANGCI) run --allow-parallel-runners ./...
	$(GO) -C test/browser vet ./...
	$(GO) -C test/kubernetes vet ./...
	$(GO) -C test/peers vet ./...
	$(GO) mod tidy -diff
	$(GO) -C test/browser mod tidy -diff
	$(GO) -C test/kubernetes mod tidy -diff
	$(GO) -C test/peers mod tidy -diff
	$(GO) mod verify
	$(GO) generate ./...
	@git diff --exit-code -- docs engine internal || { echo "generated files are out of step: commit what 'go generate ./...' made"; exit 1; }

vuln: ## Look for known vulnerabilities, where their database can be reached.
	@$(GO) run $(GOVULNCHECK) ./... || { [ $$? -eq 1 ] && echo "govulncheck: the database cannot be reached, nothing was checked"; }

bench: ## Run the benchmarks. BENCHTIME and COUNT set how long; compare two runs with benchstat.
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(COUNT) -timeout 60m ./engine/... ./internal/... ./trigger/...

bench-gate: ## Compare benchmarks with the base commit: allocations exactly, times within a generous bound. BASE names another commit.
	$(GO) run ./test/gate $(if $(BASE),-base $(BASE))

# Hyperscan and RE2 as C++ are compared where Debian's libhyperscan-dev and libre2-dev are. RULES and LINES name folders of regular expressions, one a line in
# files *.txt, and of logs, instead of those that are made up. PEERS hands flags on, such as -only match, or -only latency, which nothing else measures.
bench-peers: bin/out_trigger.so bin/docker-fluentbit ## Print ratios to other matchers, and to Fluent Bit where it is on PATH, in one run.
	@rm -f bin/peers-re2
	@! pkg-config --exists re2 2>/dev/null || $(GO) -C test/peers build -tags re2_cgo -o ../../bin/peers-re2 .
	$(GO) -C test/peers build $(shell pkg-config --exists libhs 2>/dev/null && echo -tags hyperscan) -o ../../bin/peers .
	$(GO) -C test/peers build -buildmode=c-shared -o ../../bin/floor.so ./floor && rm -f bin/floor.h
	@bin/peers -plugin bin/out_trigger.so -floor bin/floor.so -program bin/docker-fluentbit $(if $(RULES)$(LINES),-rule-folder "$(RULES)" -line-folder "$(LINES)") $(if $(PLOT),-plot "$(PLOT)") $$(! test -x bin/peers-re2 || echo -re2-cgo bin/peers-re2) $(PEERS)

# Go 1.26 fails a target, now and then, that found nothing until its time was over, with "context deadline exceeded" alone
# (golang/go#75804). Such an end, and no other, counts as the end of the time: whatever is found prints more than that.
fuzz: ## Run each fuzz target for FUZZTIME.
	@mkdir -p bin
	@for t in $(FUZZ_TARGETS); do \
		echo "fuzz $${t#*:} in $${t%%:*}"; \
		{ $(GO) test -run '^$$' -fuzz "^$${t#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$${t%%:*}" 2>&1 || echo failed; } | tee bin/fuzz.log; \
		! tail -n 1 bin/fuzz.log | grep -qx failed || \
			grep -A 2 '^--- FAIL: ' bin/fuzz.log | tr -d '\n' | grep -q ')    context deadline exceededFAIL$$' || exit 1; \
	done

# FLUENTBIT_TRIGGER_TEST_REDIS names another server than redis-server for the fleet, such as valkey-server.
soak: bin/out_trigger.so bin/plugin-host ## Ten minutes of faults and kills, then a fleet of 1,000 nodes, with an account of every alert and hit.
	FLUENTBIT_TRIGGER_SOAK=10m $(GO) test -count=1 -timeout 60m -p 1 -run 'Drill|Soak' -v ./test/... ./internal/delivery/...

ci: check race ## What CI runs: check, tests with the race detector, the demo, a comparison of benchmarks, a short fuzz run.
	$(MAKE) build demo bench-gate
	$(MAKE) fuzz FUZZTIME=5s

clean: ## Remove what was built.
	rm -rf bin dist
