# Every target sets .venv up by itself, when it is missing or older than the locked requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help demo drill test collect check bench bench-slack bench-mitigation bench-alerts bench-gateway http-cache-tests soak fuzz admin-fuzz kills stories slack-kills slack-sim slack-pictures fmt lock clean

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNTIME): requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tocsin needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Tocsin into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(RUNTIME) ## run gateway, upstream, load and bot with its console; prints the address; Ctrl-C stops all
	@$(BIN)/tocsin demo $(ARGS)

drill: $(RUNTIME) ## the same unattended: an incident from detection to postmortem; writes var/drill/
	@$(BIN)/tocsin drill $(ARGS)

# What the workers import is compiled once, while the checks run; all of them at once would do it several times over.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(DEV) ## make check, then every test, in random order and in parallel
	@$(MAKE) --no-print-directory -j 2 check collect
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

collect: $(DEV) ## find every test; a mistake in one shows before they run
	@$(BIN)/python -m pytest -q --collect-only > /dev/null || $(BIN)/python -m pytest -q --collect-only

check: $(DEV) ## ruff, mypy strict, import contracts, unused dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

bench: $(DEV) ## measure command dispatch against a bare handler; the last line is JSON
	@$(BIN)/python -m bench.dispatch $(ARGS)

bench-slack: $(DEV) ## measure what Slack waits for, beside a bare slack-bolt app; the last line is JSON
	@$(BIN)/python -m bench.slack $(ARGS)

bench-mitigation: $(DEV) ## measure a plan and its dispatch against Kubernetes, beside the bare client; the last line is JSON
	@$(BIN)/python -m bench.mitigation $(ARGS)

bench-alerts: $(DEV) ## send 10,000 alerts at 1,000 a second while people type, beside a bare webhook; the last line is JSON
	@$(BIN)/python -m bench.alerts $(ARGS)

bench-gateway: $(DEV) ## measure the gateway on one core beside nginx and Envoy (needs wrk); the last line is JSON
	@$(BIN)/python -m bench.gateway $(ARGS)

http-cache-tests: $(DEV) ## run the npm package http-cache-tests against the gateway's cache (needs node); the last line is JSON
	@$(BIN)/python -m tests.gateway.cache_conformance $(ARGS)

admin-fuzz: $(DEV) ## fuzz the gateway's admin API by its own description, with schemathesis (EXAMPLES=300 of each endpoint)
	@$(BIN)/python -m tests.gateway.admin_fuzz --examples $(or $(EXAMPLES),300) $(ARGS)

soak: $(DEV) ## the gateway under load for MINUTES=30 while workers, targets and Redis fail; the last line is JSON
	@$(BIN)/python -m tests.gateway.soak --minutes $(or $(MINUTES),30) $(ARGS)

fuzz: $(DEV) ## fuzz what reads bytes of strangers for MINUTES=10, guided by coverage; finds go to var/fuzz/; the last line is JSON
	@$(BIN)/python -m tests.gateway.fuzzing --minutes $(or $(MINUTES),10) $(ARGS)

kills: $(DEV) ## kill the bot at each step of a change and at 50 random moments, on SQLite and on two replicas on Postgres
	@TOCSIN_KILLS=$${TOCSIN_KILLS:-50} $(BIN)/python -m pytest tests/faults/test_faults_killed_mitigations.py tests/faults/test_faults_random_kills.py -n 2 --dist loadgroup $(ARGS)

stories: $(DEV) ## 50 random stories on two replicas: plans, votes, leases, drift, lost answers and kills in any order
	@TOCSIN_EXAMPLES=$${TOCSIN_EXAMPLES:-50} $(BIN)/python -m pytest tests/faults/test_faults_interleaved.py -n 0 -s $(ARGS)

slack-kills: $(DEV) ## kill the bot 50 times during incidents in Slack, on SQLite and on Postgres; nothing is lost or doubled
	@TOCSIN_KILLS=50 $(BIN)/python -m pytest tests/slack/test_kills.py -n 2 --dist loadgroup $(ARGS)

slack-sim: $(DEV) ## Tocsin in a simulated Slack, in the terminal: be anybody, type, press buttons, read
	@$(BIN)/python -m tests.simulators.slack.play $(ARGS)

slack-pictures: $(DEV) ## draw every card as Slack shows it, into var/slack-pictures/ (needs node and Chromium)
	@$(BIN)/python -m tests.slack.pictures var/slack-pictures

fmt: $(DEV) ## format and sort
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(DEV) ## resolve the requirements anew (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group build -o requirements/runtime.txt
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt

clean: ## remove what the targets made; the record of a bot (var/tocsin.db) stays
	@rm -rf $(VENV) var/demo var/drill build dist
