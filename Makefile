# Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test unit integration lint format bench bench-accuracy accept effects lock-requirements system clean help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(STAMP): requirements/dev.txt pyproject.toml
	@tools/setup-venv "$(PYTHON)" "$(VENV)"
	@touch $@

system:
	@tools/setup-system

demo: $(STAMP) system ## Build the Debian 13 Python image, test it, compare it with a plain one
	@$(BIN)/python tools/demo.py

test: $(STAMP) system lint ## Lint, types, architecture, unit and integration tests
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --durations 10 tests

unit: $(STAMP) ## Unit tests only: no network, no root
	@$(BIN)/python -m pytest -n 2 tests/unit

integration: $(STAMP) system ## Integration and end-to-end tests only
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests/integration tests/e2e

lint: $(STAMP) ## ruff, mypy --strict, import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Rewrite formatting
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

bench: $(STAMP) system ## Speed against peers and against the limit, in one run
	@$(BIN)/python -m bench

bench-accuracy: $(STAMP) ## Vulnerabilities: right and wrong over every pair whose answer is known
	@$(BIN)/python -m bench.accuracy

accept: $(STAMP) system ## Compare trees with real installations; writes tests/acceptance/*.json
	@$(BIN)/python tools/accept.py

lock-requirements: $(STAMP) ## Re-pin requirements with hashes, two weeks behind the newest
	@for f in runtime dev; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --exclude-newer "$$(date -u -d '14 days ago' +%F)" \
	  --custom-compile-command "make lock-requirements" requirements/$$f.in -o requirements/$$f.txt; done

clean: ## Remove what builds and tests made
	@rm -rf $(VENV) dist build-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
