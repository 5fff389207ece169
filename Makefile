# ds-pipeline: `make run` shows it, `make test` checks it. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CGO_ENABLED ?= 0

GO_BUILD   := scripts/go-build
JOB_FLAGS  := -trimpath -ldflags "-s -w"
TOOLS      := .tools
FUZZTIME   ?= 60s
STACK      ?= dev
RESULT     := out/penguins.csv

# The packages that import no Pulumi build in a minute. Those of them that share
# memory between goroutines are tested with the race detector.
LIGHT_PACKAGES := ./preprocess/... ./internal/operate/... ./internal/cron
RACE_PACKAGES  := ./internal/operate ./preprocess ./preprocess/job ./preprocess/model ./preprocess/report ./preprocess/script ./preprocess/storage ./preprocess/table
# What a release holds, and under which licenses it may link others' code.
RELEASED := ./preprocess ./cmd/dspipe
LICENSES := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT
# Tests that run programs of npm, at the versions of their package-lock.json.
NODE_MODULES := $(patsubst %/package-lock.json,%/node_modules,$(wildcard tests/*/package-lock.json))
HEAVY_NOTE := the first build compiles the AWS SDK for Pulumi: about 5 minutes on 2 cores

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { name[n++] = $$1; text[$$1] = $$2; if (length($$1) > wide) wide = length($$1) } \
		END { for (i = 0; i < n; i++) printf "  make %-" wide "s  %s\n", name[i], text[name[i]] }' $(MAKEFILE_LIST)

.PHONY: run
run: run-job run-plan ## preprocess the example, then plan the dev stack

.PHONY: run-job
run-job: build-job ## preprocess the example with its scikit-learn model
	@mkdir -p out
	@echo
	@bin/preprocess run --log text \
		--input examples/penguins/penguins.csv \
		--model examples/penguins/model.joblib \
		--output $(RESULT) --keep species
	@echo
	@echo "The first rows of $(RESULT):"
	@head -n 5 $(RESULT)
	@if cmp -s $(RESULT) examples/penguins/expected.csv; then \
		echo "Every byte equals scikit-learn's own result, examples/penguins/expected.csv."; \
	else \
		echo "DIFFERENT from scikit-learn's own result, examples/penguins/expected.csv" >&2; exit 1; \
	fi
	@echo

.PHONY: run-plan
run-plan: build-dsplan ## plan a stack on simulated providers: STACK=dev
	@echo
	@bin/dsplan --stack $(STACK)

.PHONY: build
build: build-job build-dspipe build-dsplan build-dscomment ## build the programs into bin/
	@$(GO_BUILD) "the Pulumi program" "checks that it compiles" -o bin/ds-pipeline .

.PHONY: build-job
build-job:
	@$(GO_BUILD) bin/preprocess "the first build takes up to a minute" $(JOB_FLAGS) -o bin/preprocess ./preprocess

.PHONY: build-dspipe
build-dspipe: ## build the operator's command line, bin/dspipe
	@$(GO_BUILD) bin/dspipe "the first build takes up to a minute" $(JOB_FLAGS) -o bin/dspipe ./cmd/dspipe

.PHONY: build-dsplan
build-dsplan:
	@$(GO_BUILD) bin/dsplan "$(HEAVY_NOTE)" -o bin/dsplan ./cmd/dsplan

.PHONY: build-dscomment
build-dscomment: ## build what comments on pull requests, bin/dscomment
	@$(GO_BUILD) bin/dscomment "it needs no AWS SDK" -o bin/dscomment ./cmd/dscomment

.PHONY: build-policies
build-policies: ## build the policy pack, bin/dspolicies
	@$(GO_BUILD) bin/dspolicies "the policy pack needs no AWS SDK" -o bin/dspolicies ./cmd/dspolicies

.PHONY: setup
setup:
	@scripts/setup

.PHONY: test
test: setup build check-fmt lint test-race test-all ## set up and run everything: what CI runs

.PHONY: test-race
test-race: setup ## test the job with the race detector
	@echo "testing the job with the race detector"
	@CGO_ENABLED=1 go test -race -timeout 30m $(RACE_PACKAGES)

.PHONY: test-all
test-all: setup $(TOOLS)/pulumi $(TOOLS)/pulumi-language-yaml $(TOOLS)/kics $(TOOLS)/actionlint $(NODE_MODULES)
	@echo "testing everything"
	@# What builds or starts other programs would be answered from the test cache.
	@go list ./... | grep -v /tests/ | PULUMI_BIN=$(CURDIR)/$(TOOLS)/pulumi xargs go test -timeout 30m
	@PULUMI_BIN=$(CURDIR)/$(TOOLS)/pulumi KICS_BIN=$(CURDIR)/$(TOOLS)/kics ACTIONLINT_BIN=$(CURDIR)/$(TOOLS)/actionlint go test -count=1 -timeout 30m ./tests/...
	@cd bench/scale && go test ./...

.PHONY: fmt
fmt: ## format the Go code
	@git ls-files -z '*.go' | xargs -0 gofmt -w

.PHONY: check-fmt
check-fmt:
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then printf "run 'make fmt' for:\n%s\n" "$$unformatted" >&2; exit 1; fi

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## vet and lint
	@echo "linting"
	@go vet ./...
	@$(TOOLS)/golangci-lint run
	@cd bench/scale && go vet ./... && ../../$(TOOLS)/golangci-lint run

.PHONY: fuzz
fuzz: ## fuzz every parser in turn, FUZZTIME=60s each
	@# Left to itself, go takes up to a minute to shorten each input that it finds interesting.
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r package; do \
		grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$package"/*_test.go | cut -d' ' -f2 | while read -r target; do \
			echo "fuzzing $$package $$target for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x "$$package" </dev/null; \
		done; \
	done

.PHONY: kills
kills: ## kill runs at random points: FAULTS_KILLS=200 each with files and with S3, FAULTS_SEED=1
	@FAULTS_KILLS=$(or $(FAULTS_KILLS),200) FAULTS_SEED=$(or $(FAULTS_SEED),1) go test -count=1 -timeout 60m -run Kill ./tests/faults

.PHONY: bench
bench: ## measure the job: parsing, transforming, formatting and whole runs
	@go test -run '^$$' -bench . -benchmem $(LIGHT_PACKAGES)

.PHONY: study
study: ## simulate runs that are spread over many tasks: numbers, plots and tables of docs/scale.md
	@cd bench/scale && go run .

.PHONY: golden
golden: schema ## rewrite expected files; review the diff like code
	@UPDATE_GOLDEN=1 go test -count=1 ./components ./cmd/dsplan ./outputs ./preprocess/report ./tests/docs ./tests/dspipe ./tests/migrate ./tests/policy
	@go test -count=1 ./preprocess/model -run supportIsDocumented -update

.PHONY: schema
schema: ## rewrite the schema of the components for other languages
	@UPDATE_GOLDEN=1 go test -count=1 -run Fresh ./plugin/provider

.PHONY: licenses
licenses: $(TOOLS)/go-licenses ## check and collect the licenses of what the released programs link, into out/licenses
	@$(TOOLS)/go-licenses check $(RELEASED) --ignore ds-pipeline --allowed_licenses=$(LICENSES) 2> >(grep -vE '^W[0-9]|\.s$$' >&2)
	@rm -rf out/licenses && mkdir -p out
	@$(TOOLS)/go-licenses save $(RELEASED) --ignore ds-pipeline --save_path out/licenses 2>/dev/null
	@$(TOOLS)/go-licenses report $(RELEASED) --ignore ds-pipeline 2>/dev/null > out/licenses/licenses.csv
	@cut -d, -f3 out/licenses/licenses.csv | sort | uniq -c

.PHONY: sbom
sbom: $(TOOLS)/cyclonedx-gomod ## write what the released programs are made of, as CycloneDX, into out/
	@mkdir -p out
	@for program in $(RELEASED); do \
		$(TOOLS)/cyclonedx-gomod app -json -licenses -main "$${program#./}" -output "out/$${program##*/}.cdx.json" . && \
		echo "out/$${program##*/}.cdx.json"; \
	done

.PHONY: release-check
release-check: $(TOOLS)/goreleaser ## check the configuration of a release
	@$(TOOLS)/goreleaser check

.PHONY: release-try
release-try: $(TOOLS)/goreleaser $(TOOLS)/cyclonedx-gomod licenses ## build a release into dist/ and publish nothing
	@$(TOOLS)/goreleaser release --snapshot --clean --skip=publish

.PHONY: release
release: $(TOOLS)/goreleaser $(TOOLS)/cyclonedx-gomod licenses ## build the release of the tag that is checked out, and upload it as a draft
	@$(TOOLS)/goreleaser release --clean --release-notes CHANGELOG.md

.PHONY: tools
tools: $(TOOLS)/pulumi $(TOOLS)/pulumi-language-yaml $(TOOLS)/golangci-lint $(TOOLS)/kics $(TOOLS)/actionlint ## build the pinned Pulumi CLI, the linters and the scanner into .tools/

$(TOOLS)/pulumi: tools/pulumi/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/pulumi && ../../$(GO_BUILD) .tools/pulumi "the first build of the Pulumi CLI takes about 5 minutes on 2 cores" \
		-ldflags "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.255.0" \
		-o ../../$(TOOLS)/pulumi github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

$(TOOLS)/pulumi-language-yaml: tools/pulumi-yaml/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/pulumi-yaml && ../../$(GO_BUILD) .tools/pulumi-language-yaml "Pulumi's host of YAML: about 3 minutes on 2 cores" \
		-ldflags "-X github.com/pulumi/pulumi-yaml/pkg/version.Version=v1.32.0" \
		-o ../../$(TOOLS)/pulumi-language-yaml github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml

$(TOOLS)/golangci-lint: tools/golangci-lint/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/golangci-lint && ../../$(GO_BUILD) .tools/golangci-lint "the first build of the linter takes about 3 minutes on 2 cores" \
		-o ../../$(TOOLS)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(TOOLS)/kics: tools/kics/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/kics && ../../$(GO_BUILD) .tools/kics "the first build of the scanner takes about 5 minutes on 2 cores" \
		-o ../../$(TOOLS)/kics github.com/Checkmarx/kics/v2/cmd/console

$(TOOLS)/actionlint: tools/actionlint/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/actionlint && ../../$(GO_BUILD) .tools/actionlint "the first build takes a few seconds" \
		-o ../../$(TOOLS)/actionlint github.com/rhysd/actionlint/cmd/actionlint

$(TOOLS)/goreleaser: tools/goreleaser/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/goreleaser && ../../$(GO_BUILD) .tools/goreleaser "the first build of the release tool takes about 10 minutes on 2 cores" \
		-o ../../$(TOOLS)/goreleaser github.com/goreleaser/goreleaser/v2

$(TOOLS)/cyclonedx-gomod: tools/sbom/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/sbom && ../../$(GO_BUILD) .tools/cyclonedx-gomod "the first build takes about a minute" \
		-o ../../$(TOOLS)/cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(TOOLS)/go-licenses: tools/licenses/go.mod
	@mkdir -p $(TOOLS)
	@cd tools/licenses && ../../$(GO_BUILD) .tools/go-licenses "the first build takes about a minute" \
		-o ../../$(TOOLS)/go-licenses github.com/google/go-licenses/v2

# What tests need from npm.
tests/%/node_modules: tests/%/package-lock.json
	@echo "installing what tests/$* needs from npm"
	@cd tests/$* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin dist out $(TOOLS) $(NODE_MODULES)
