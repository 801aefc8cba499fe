# Groundwork's commands. `make` lists them. A fresh clone needs Python 3.11+, make and the package registries.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The newest Python that the pinned packages support; PYTHON=… chooses another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help local local-monitoring local-status local-stop local-down local-env install lock check format test test-all bench bootstrap doctor review share rehearse comment drift preview up down account-preview account-up account-down clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

local: $(STAMP) ## everything on this machine: tools, platform, a model trained, deployed and answering
	@$(BIN)/groundwork local up

local-monitoring: $(STAMP) ## a genuine Prometheus beside it, with the stack's own alert rules
	@$(BIN)/groundwork local monitoring

local-status: $(STAMP) ## each local service with its state and address (O=json for a program)
	@$(BIN)/groundwork local status -o $(or $(O),text) || [ $$? -eq 3 ]

local-stop: $(STAMP) ## stop the local services, keep all data
	@$(BIN)/groundwork local stop

local-down: $(STAMP) ## destroy the local platform and stop its services
	@$(BIN)/groundwork local down

local-env: $(STAMP) ## eval "$(make -s local-env)" leads pulumi, aws, ml and mlflow to the local platform
	@$(BIN)/groundwork local env

install: $(STAMP) ## the Python environment alone

# Made again when the lock, the installer or the command names change.
$(STAMP): requirements.txt pyproject.toml local/bootstrap.txt local/install.sh
	@local/install.sh "$(PYTHON)" $(VENV) >&2

lock: $(STAMP) ## write requirements.txt and the other locks from their .in files, with hashes
	@local/install.sh --lock "$(PYTHON)" $(VENV)

check: $(STAMP) ## ruff, pyright, and the tests that take seconds (TESTS=no: without them, where `make test` follows)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(if $(filter no,$(TESTS)),,$(BIN)/pytest -m "unit or policy" -q)

format: $(STAMP) ## let ruff write the files as `make check` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(STAMP) ## everything that proves it, with the minutes of each tier (TIER=unit for one)
	$(BIN)/pytest $(if $(TIER),-m "$(TIER)") --durations=10

test-all: $(STAMP) ## `make test`, and what takes too long for it: whole sizes, every step killed
	$(if $(filter-out ml,$(TIER)),,@$(BIN)/python -c "from bench.environments import peer_python; peer_python('drift')")
	$(BIN)/pytest --full $(if $(TIER),-m "$(TIER)") --durations=10

bench: $(STAMP) ## this platform's speed beside its peers, in one run
	$(BIN)/python -m bench $(ARGS)

# The stacks of an AWS account. Profile and backend are those of groundwork.yaml, the engine comes from PATH or the cache.
preview up: $(STAMP)
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork stack $@ $(ENV) $(ARGS)

down: $(STAMP) ## destroy ENV=dev or prod, and look for what is left (ARGS="--stop-jobs --remove-leftovers")
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork teardown $(ENV) $(ARGS)

bootstrap: $(STAMP) ## what the state of ENV=dev needs before its first `up`: bucket, key, empty stack
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork bootstrap $(ENV)

doctor: $(STAMP) ## whether `up` of ENV=dev would succeed, and how to mend what stands in its way
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork doctor $(ENV)

review: $(STAMP) ## a change to ENV="dev prod" for who reviews it: report/comment.md, report.html, report.json (ARGS=…)
	@test -n "$(ENV)" || { echo "Name the environments: make $@ ENV='dev prod'" >&2; exit 2; }
	@$(BIN)/groundwork preview $(ENV) --markdown report/comment.md --html report/report.html --json report/report.json $(ARGS)

share: $(STAMP) ## the state of ENV=dev without secrets, for previews without an account: report/state-dev.json
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork stack share $(ENV) report/state-$(ENV).json

rehearse: $(STAMP) ## this change carried out on a local stack of its own, back and forward: report/rehearsal.md and .json (ARGS=…)
	@$(BIN)/groundwork rehearse --markdown report/rehearsal.md --json report/rehearsal.json $(ARGS)

FILES ?= report/report.json
comment: $(STAMP) ## FILES (report/report.json) as the one comment on the pull request of a CI job (ARGS="--key preview")
	@$(BIN)/groundwork comment $(FILES) $(ARGS)

drift: $(STAMP) ## what changed in ENV=dev behind the program's back; exits non-zero where something did
	@test -n "$(ENV)" || { echo "Name the environment: make $@ ENV=dev" >&2; exit 2; }
	@$(BIN)/groundwork drift $(ENV) $(ARGS)

preview: ## what `pulumi up` would change in ENV=dev or prod (ARGS="-- --diff")
up: ## bring ENV=dev or prod to what its settings say (ARGS="-- --yes": nobody is asked)

# What an account has once: account/Pulumi.<ACCOUNT>.yaml.
account-preview account-up account-down: $(STAMP)
	@test -n "$(ACCOUNT)" || { echo "Name the account: make $@ ACCOUNT=main" >&2; exit 2; }
	@$(BIN)/groundwork account $(@:account-%=%) $(ACCOUNT)

account-preview: ## what `account-up` would change in ACCOUNT=main (a file in account/)
account-up: ## CI's identity, roles and runners, and the ceiling of all roles, in ACCOUNT=main
account-down: ## destroy what ACCOUNT=main has once; do it last
