# Everything runs in .venv, which `make venv` makes from python3 and the pinned requirements.
# Other targets call it by themselves; nothing here needs root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
UV := $(PY) -m tools.uv

# What a target takes: make test TESTS="tests/unit -k keyword", make bench BENCH=storm, make demo ARGS="--asterisk".
TESTS ?=
ARGS ?=
BENCH ?=
WORKERS ?= 2
CHECKED := $(wildcard src tests bench tools hatch_build.py)

.PHONY: help venv console demo test check bench screenshots peers fmt lock clean \
        check-format check-lint check-types check-layers check-pages check-hygiene

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: venv console ## A booked entry refers an extension, before your eyes (ARGS="--asterisk", "--seconds 60 --json")
	@$(PY) -m tools.peers ensure caldav $(if $(findstring --asterisk,$(ARGS)),asterisk)
	@$(PY) -m tools.demo $(ARGS)

test: venv console ## All tests, with what they run against (TESTS="tests/unit -k keyword")
	@$(PY) -m tools.peers ensure
	$(PY) -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

check: check-format check-lint check-types check-layers check-pages check-hygiene ## Format, lint, types, layers and hygiene

bench: venv ## Measure; each writes bench/results/NAME.json (BENCH=storm for one)
	$(PY) -m bench $(BENCH)

console: venv ## Build the web pages from console/, where something in it has changed
	@$(PY) hatch_build.py

screenshots: venv console ## Pictures of every page into docs/pictures/ (ARGS="console" for those whose names begin so)
	@$(PY) -m tools.peers ensure caldav chromium
	@$(PY) -m tools.screenshots $(ARGS)

peers: venv ## Set up what the tests run against (Asterisk, Radicale, Chromium, ...), once, in your cache folder
	@$(PY) -m tools.peers ensure

fmt: venv ## Format the code and mend what the linter can mend
	$(PY) -m ruff check --fix-only --quiet $(CHECKED)
	$(PY) -m ruff format $(CHECKED)

lock: venv ## Pin the requirements again from pyproject.toml (UPGRADE=--upgrade for the latest)
	@$(PY) -m tools.lock $(UPGRADE)

clean: ## Remove .venv and what tools left here (the peers in your cache folder stay)
	rm -rf $(VENV) build dist console/node_modules console/dist src/backsoon/console .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools $(wildcard bench) -name __pycache__ -type d -prune -exec rm -rf {} +

venv: $(STAMP)

$(STAMP): pyproject.toml requirements/dev.txt requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Backsoon needs Python 3.11 or later; $(PYTHON) is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (once; again when the requirements change)" >&2
	@$(PY) -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

check-format: venv
	$(PY) -m ruff format --check $(CHECKED)

check-lint: venv
	$(PY) -m ruff check $(CHECKED)

check-types: venv
	$(PY) -m mypy $(CHECKED)

check-layers: venv
	$(VENV)/bin/lint-imports --no-cache --no-logo

check-pages: console
	$(PY) -m pytest -q tests/console -k types

check-hygiene: venv
	$(PY) -m tools.hygiene
