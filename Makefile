# EssayCoach. `make demo` shows it working, `make test` tests it; both install what they need. No Docker, no API key, no root.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# T=path runs a part of a suite; COVERAGE=1 measures coverage, for `make coverage` to report.
T ?=
COVERAGE ?=
# Python keeps its compiled code, or each program that a test starts would spend seconds on compiling its libraries.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(if $(COVERAGE),$(BIN)/python -m coverage run -m pytest,$(BIN)/python -m pytest)

.PHONY: help install demo up lint fmt test test-slow coverage docs bench chaos db-shell promtool clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## make .venv with the exact versions of constraints.txt

$(INSTALLED): constraints.txt setup.cfg pyproject.toml
	@echo "Installing into $(VENV) (about a minute the first time)…"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EssayCoach needs Python 3.11 or newer; try make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[local,standalone,test]'
	@touch $@

demo: $(INSTALLED) ## start everything, hand in real essays as an LMS would, show the feedback arriving
	@$(BIN)/python -m standalone demo

up: $(INSTALLED) ## start everything and stay, until Ctrl-C
	@$(BIN)/python -m standalone up

lint: $(INSTALLED) ## check style, types, import rules and migrations; change nothing
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo
	@$(BIN)/python -m migrations check
	@$(BIN)/squawk --config .squawk.toml $$(ls migrations/[0-9]*.sql | grep -v rollback)

fmt: $(INSTALLED) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

test: $(INSTALLED) ## the fast suite, against real PostgreSQL and Redis (T=path runs a part)
	@$(PYTEST) -n $(if $(COVERAGE),2,3) $(T)

test-slow: $(INSTALLED) promtool ## the tests marked slow: faults, long runs, thousands of generated requests (T=path runs a part)
	@$(PYTEST) -n 2 -m slow $(T)

coverage: $(INSTALLED) ## report what `make test COVERAGE=1` and `make test-slow COVERAGE=1` covered; less than 95 % fails
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report --fail-under=95

docs: $(INSTALLED) ## build the documentation site into build/site; a broken link fails
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[docs]'
	@$(BIN)/zensical build --strict --clean

bench: $(INSTALLED) ## measure speed and memory on this machine and write docs/benchmarks.md (about 20 minutes)
	@$(BIN)/python -m benchmarks --write

chaos: $(INSTALLED) ## break the running system over a hundred times and write the table of docs/reliability.md (about an hour)
	@$(BIN)/python -m tests.chaos --write

db-shell: $(INSTALLED) ## open psql on the database of `make up`, as its superuser
	@$(BIN)/python -m standalone psql

# Debian's package holds promtool; unpacking it needs neither root nor a running service.
promtool: $(INSTALLED)
	@sh tests/support/install_promtool.sh $(BIN)

clean: ## remove the virtual environment and the local data
	rm -rf $(VENV) .essaycoach *.egg-info
