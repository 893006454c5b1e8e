# Everything runs in .venv, made with any Python 3.11 or newer. Nothing else needs to be installed.
#
#   make demo                    watch a job from queued to expired; then the service stays up until Ctrl-C
#   make demo ARGS=--once        the same, and end
#   make demo TEXT=notes.txt     with a text of your own
#   make dev                     the service, a worker and a Redis, for your own job types: POLLABLE_JOBS=myapp.jobs
#   make test                    every test
#   make lint                    ruff, mypy, import-linter
#   make bench                   polls a second, beside a constant answer and the handwritten route (needs wrk)
#   make bench-recovery          seconds until a job whose worker was killed runs again
#   make clean                   forget .venv and every cache

SHELL := /bin/sh
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check

.PHONY: demo dev test lint bench bench-recovery clean

demo: $(VENV)/dev
	$(RUN) -m service demo $(if $(TEXT),--text '$(TEXT)') $(ARGS)

dev: $(VENV)/dev
	$(RUN) -m service dev $(ARGS)

test: $(VENV)/test
	$(RUN) -m pytest $(ARGS)

lint: $(VENV)/test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/dev
	$(RUN) -m bench.polls

bench-recovery: $(VENV)/dev
	$(RUN) -m bench.recovery

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv).' >&2; exit 1; }
	'$(PYTHON)' -m venv --clear $(VENV)
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	@echo 'Installing Pollable into $(VENV) ...'
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/test: $(VENV)/dev
	@echo 'Installing what the tests need into $(VENV) ...'
	@$(PIP) --editable '.[dev,test]'
	@touch $@
