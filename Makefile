# Every target works on a machine with Python 3.11+, make and git alone; what else is needed is fetched into .venv and .cache.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
UV := .cache/uv/bin/uv
EMULATOR := .cache/emulator
NODE_MODULES := .cache/node/node_modules
# the CDK command line runs on the Node of the virtual environment; STAGE=... and ONLY=... override cdk.json
CDK = PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(NODE_MODULES)/.bin/cdk $(if $(STAGE),-c tracelake.stage=$(STAGE)) $(if $(ONLY),-c tracelake.only=$(ONLY))
STAGE_NAME = $(or $(STAGE),$(shell sed -n 's/.*"stage": "\(.*\)".*/\1/p' cdk.json))
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: bootstrap docs help setup demo console trino test lint bench synth deploy diff destroy lock clean
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .cache/setup.stamp ## Fetch everything the other targets need into .venv and .cache

$(UV):
	@echo "setup: uv"
	@python3 -m venv .cache/uv && .cache/uv/bin/pip install -q --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"

$(VENV)/setup.stamp: requirements.txt tests/requirements.txt pyproject.toml | $(UV)
	@echo "setup: Python packages"
	@test -x $(PY) || $(UV) venv -q $(VENV)
	@$(UV) pip sync -q --python $(PY) requirements.txt tests/requirements.txt
	@$(UV) pip install -q --python $(PY) --no-deps -e .
	@touch $@

$(EMULATOR)/setup.stamp: local/requirements.txt | $(UV)
	@echo "setup: emulator"
	@test -x $(EMULATOR)/bin/python || $(UV) venv -q $(EMULATOR)
	@$(UV) pip sync -q --python $(EMULATOR)/bin/python local/requirements.txt
	@touch $@

.cache/node/setup.stamp: local/node/package.json local/node/package-lock.json $(VENV)/setup.stamp
	@echo "setup: CDK command line, libraries of the viewer"
	@mkdir -p .cache/node && cp local/node/package*.json .cache/node/
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm ci --prefix .cache/node --silent --no-audit --no-fund
	@touch $@

.cache/setup.stamp: $(VENV)/setup.stamp $(EMULATOR)/setup.stamp .cache/node/setup.stamp
	@touch $@

demo: .cache/setup.stamp ## Tell one story on this machine (KEEP=1: and let it run until Ctrl-C)
	@$(PY) -m local.demo $(if $(KEEP),--keep)

console: .cache/setup.stamp ## Show the dashboards of the local stack that runs
	@$(PY) -m local.viewer

trino: .cache/trino/setup.stamp ## Fetch the engine that Athena is, for the tests of sql/ (needs Maven and a JDK 17)

.cache/trino/setup.stamp: tests/end_to_end/engine/pom.xml
	@command -v mvn >/dev/null || { echo "make trino needs Maven (mvn) to fetch Trino, and a JDK 17 to run it" >&2; exit 1; }
	@echo "trino: 270 MB of libraries"
	@rm -rf .cache/trino && mvn -q -B -Dstyle.color=never -f $< -Dtrino.home="$(CURDIR)/.cache/trino" package
	@touch $@

lint: .cache/setup.stamp ## Check format, lint, types and layers
	@$(VENV)/bin/ruff format --check -q . && $(VENV)/bin/ruff check -q . && echo "ruff: clean"
	@$(VENV)/bin/mypy
	@$(VENV)/bin/basedpyright --level error
	@$(VENV)/bin/lint-imports --no-logo

test: lint ## Run every check and test
	@$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

bootstrap: .cache/setup.stamp ## Prepare an account and region for CDK, once: make bootstrap ENV=aws://111122223333/eu-central-1
	@$(CDK) bootstrap $(if $(POLICIES),--cloudformation-execution-policies $(POLICIES)) $(ENV)

synth: .cache/setup.stamp ## Write the CloudFormation templates to cdk.out, checked
	@$(CDK) synth --quiet

deploy: .cache/setup.stamp ## Deploy to AWS: make deploy [STAGE=dev] [ONLY=/aws/lambda/checkout]
	@$(CDK) deploy --all

diff: .cache/setup.stamp ## Show what a deployment would change
	@$(CDK) diff --all

destroy: .cache/setup.stamp ## Remove everything but the data (DATA=delete: that too; YES=1: without asking)
	@$(if $(filter-out delete,$(DATA)),$(error DATA=$(DATA): only "delete" is known, and nothing keeps the data))
	@$(CDK) destroy 'tracelake-*-insight' 'tracelake-*-ingest' $(if $(YES),--force)
	@$(if $(DATA),$(VENV)/bin/tracelake delete-data --stage $(STAGE_NAME) $(if $(YES),--yes))

bench: .cache/setup.stamp ## Measure speed, memory and cost of normalize
	@$(PY) -m tests.performance.bench

docs: .cache/setup.stamp ## Write the generated tables of README and docs
	@$(PY) -m docs.generate

lock: $(UV) ## Pin all requirements anew from pyproject.toml
	@compile() { $(UV) pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate "$$@"; }; \
	compile pyproject.toml --extra deploy -o requirements.txt; compile --group layer -o functions/requirements.txt; \
	compile --group local -o local/requirements.txt; compile --group test -c requirements.txt -o tests/requirements.txt

clean: ## Remove .venv, .cache and cdk.out
	@rm -rf .venv .cache cdk.out *.egg-info
