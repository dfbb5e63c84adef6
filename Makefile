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

.PHONY: help install demo up lint fmt test test-slow coverage translations docs bench drill chaos alert-drill rehearsal lock sbom audit db-shell release-tools promtool clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## make .venv with the exact files of constraints.txt, each checked against its hash

$(INSTALLED): constraints.txt install.py setup.cfg pyproject.toml
	@echo "Installing into $(VENV) (about a minute the first time)…"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EssayCoach needs Python 3.11 or newer; try make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@PYTHONWARNINGS=ignore $(PYTHON) install.py --into $(BIN)/python local,standalone,test
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

translations: $(INSTALLED) ## write the texts of the pages into ingest/pages/translations, with empty places for new ones
	@mkdir -p build; for language in de es ar; do $(BIN)/pybabel --quiet extract --mapping ingest/pages/translations/babel.cfg --keyword _n --no-location --omit-header \
		--output-file build/pages.pot ingest && $(BIN)/pybabel --quiet update --input-file build/pages.pot --locale $$language --no-fuzzy-matching --ignore-obsolete \
		--no-wrap --init-missing --omit-header --output-file ingest/pages/translations/$$language.po; done

docs: $(INSTALLED) ## build the documentation site into build/site; a broken link fails
	@PYTHONWARNINGS=ignore $(PYTHON) install.py --into $(BIN)/python docs
	@$(BIN)/zensical build --strict --clean

bench: $(INSTALLED) ## measure speed and memory on this machine and write docs/benchmarks.md (about 30 minutes)
	@PYTHONWARNINGS=ignore $(PYTHON) install.py --into $(BIN)/python bench
	@$(BIN)/python -m benchmarks --write

drill: $(INSTALLED) ## back up a small machine, lose it, bring it back in both ways and compare everything (about a minute)
	@$(BIN)/python -m standalone drill

chaos: $(INSTALLED) ## break the running system over a hundred times and write the table of docs/reliability.md (about an hour)
	@$(BIN)/python -m tests.chaos --write

alert-drill: $(INSTALLED) promtool ## provoke the fault of every alert and write docs/alert-drill.md (about 20 minutes)
	@$(BIN)/python -m tests.alert_drill --write

rehearsal: $(INSTALLED) promtool ## a school district's day in ten minutes; writes docs/rehearsal.html (about 25 minutes)
	@$(BIN)/python -m benchmarks.day

# A library that setup.cfg asks for anew cannot be installed before it is locked, so this installs only what is missing.
lock: ## write constraints.txt again: versions that still fit stay (NEWER="--upgrade" takes the newest)
	@test -x $(BIN)/uv || $(MAKE) --no-print-directory release-tools
	@$(PYTHON) install.py --list local,standalone,test,bench,docs,kubernetes,release | $(BIN)/uv pip compile - --output-file constraints.txt --generate-hashes \
		--no-build --no-annotate --python-version 3.11.5 --python-platform linux --quiet --custom-compile-command "make lock" $(NEWER)

sbom: release-tools ## write build/*.cdx.json: the components of constraints.txt, and the files for browsers, in CycloneDX 1.6
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements --spec-version 1.6 --output-reproducible --output-file build/essaycoach.cdx.json constraints.txt
	@cp ingest/pages/browser-files.cdx.json build/

audit: release-tools ## ask PyPI for known vulnerabilities of every component of constraints.txt; one that cannot be asked about fails
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement constraints.txt \
		|| { echo "The audit found something, or could not ask about every component. Nothing is said about the others."; exit 1; }

db-shell: $(INSTALLED) ## open psql on the database of `make up`, as its superuser
	@$(BIN)/python -m standalone psql

release-tools: $(INSTALLED)
	@PYTHONWARNINGS=ignore $(PYTHON) install.py --into $(BIN)/python release

# Debian's packages hold promtool, Prometheus and Alertmanager; unpacking them needs neither root nor a running service.
promtool: $(INSTALLED)
	@sh tests/support/install_promtool.sh $(BIN)

clean: ## remove the virtual environment and the local data
	rm -rf $(VENV) .essaycoach *.egg-info
