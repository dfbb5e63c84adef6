# EssayCoach. `make demo` shows it working, `make test` proves it; both install what they need. No Docker, no key, no root.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install demo up test check bench chaos clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## make .venv with the exact versions of constraints.txt

$(INSTALLED): constraints.txt setup.cfg pyproject.toml
	@echo "Installing into $(VENV) (about half a minute the first time)…"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EssayCoach needs Python 3.11 or newer; try make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,standalone,test]'
	@touch $@

demo: $(INSTALLED) ## start everything, hand in real essays as an LMS would, show the feedback arriving
	@$(BIN)/python -m standalone demo

up: $(INSTALLED) ## start everything and stay, until Ctrl-C
	@$(BIN)/python -m standalone up

test: $(INSTALLED) ## check the code, then every test against real PostgreSQL and Redis, with coverage
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(TESTS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report --fail-under=85 --skip-empty | tail -40

check: $(INSTALLED) ## lint, types, room rules, migrations; changes nothing
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo
	@$(BIN)/python -m migrations check
	@$(BIN)/squawk --config .squawk.toml $$(ls migrations/[0-9]*.sql | grep -v rollback)

bench: $(INSTALLED) ## measure speed and memory on this machine, each beside something to compare with
	@$(BIN)/python -m benchmarks

chaos: $(INSTALLED) ## break it over a hundred times, count, and write the table of docs/reliability.md (about an hour)
	@$(BIN)/python -m tests.chaos --write

clean: ## remove the virtual environment and the local data
	rm -rf $(VENV) .essaycoach *.egg-info
