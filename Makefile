# make run        install, then compare 2024 with and without its measures (results/main)
# make test       the quick tests
# make lint       style, types, spelling
# make benchmark  this simulator beside others on one workload
# make lock       resolve the lock files anew (UPGRADE=--upgrade: to the newest releases)
# make clean      remove everything that these targets made, except results
#
# Needs Python 3.11 to 3.13 with venv, and make. Another interpreter: make run PYTHON=python3.12
# Paths are relative, so a checkout may lie in a folder with spaces in its name.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
LOCKED := $(PIP) --require-hashes --no-deps -r

.PHONY: run test lint benchmark lock clean
.DELETE_ON_ERROR:

run: $(STAMPS)/warm
	$(VENV)/bin/borderport compare 2024-before 2024 --out results/main

test: $(STAMPS)/dev
	$(PY) -m pytest -n 2

lint: $(STAMPS)/dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy --strict sim/borderport
	$(VENV)/bin/codespell

benchmark: $(STAMPS)/bench
	$(PY) -m tests.benchmarks

# Each stamp stands for one step that is done, and is made only after the step before it, so that two
# targets asked for at once never install at the same time and a second `make run` installs nothing.

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo 'borderport needs Python 3.11, 3.12 or 3.13; "$(PYTHON)" is' \
	    "$$($(PYTHON) --version 2>&1 || true). Name another: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '"$(PYTHON)" cannot make virtual environments. On Debian and Ubuntu install the package' \
	    'python3-venv, then try again.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# The lock holds what builds the package as well (hatchling), so nothing unlocked is ever fetched.
$(STAMPS)/run: requirements.lock pyproject.toml | $(STAMPS)/venv
	$(LOCKED) requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Compiles every loop once and keeps it on disk, so that the first simulation starts at once.
$(STAMPS)/warm: $(STAMPS)/run $(wildcard sim/borderport/*.py sim/borderport/*/*.py)
	$(PY) -c 'from borderport.experiment import prepare, replicate; from borderport.loading import load_scenario; \
	  replicate(prepare(load_scenario("2024").scenario), seed=1, replication=0)'
	@touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/run
	$(LOCKED) requirements-dev.lock
	@touch $@

$(STAMPS)/bench: requirements-bench.lock $(STAMPS)/dev
	$(LOCKED) requirements-bench.lock
	@touch $@

# uv resolves for every supported Python and system at once; it lives in a throw-away folder. The files are
# without registry addresses, so they install from whichever registry a machine uses. Each lock is a
# superset of the one before it, with the same versions.
RESOLVE := pip compile --quiet --universal --generate-hashes --no-header --no-annotate $(UPGRADE)
lock:
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/python" -m pip --disable-pip-version-check install --quiet uv; \
	"$$tools/bin/uv" $(RESOLVE) --group build \
	  pyproject.toml --output-file requirements.lock >/dev/null; \
	"$$tools/bin/uv" $(RESOLVE) --group dev --constraint requirements.lock \
	  pyproject.toml --output-file requirements-dev.lock >/dev/null; \
	"$$tools/bin/uv" $(RESOLVE) --group dev --group bench --constraint requirements-dev.lock \
	  pyproject.toml --output-file requirements-bench.lock >/dev/null
	@! grep -n '://' requirements.lock requirements-dev.lock requirements-bench.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find sim tests -name __pycache__ -type d -prune -exec rm -rf {} +
