# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Needed beforehand: make, git and Python 3.11 or newer. Everything else is installed into .venv, and all that the
# tools write goes to .cache; `make clean` removes both. Outside this folder nothing is changed.

# The Python to make the environment with; found by dev/find-python.sh when not given.
PYTHON ?=
# More arguments for pytest, for instance: make test-unit PYTEST_ARGS='-k wildcard -x'
PYTEST_ARGS ?=
# What is measured, for instance: make benchmark BENCHMARK_ARGS='--computers 500 --rounds 1 --delay 0'
BENCHMARK_ARGS ?=
# Random values that `make conformance` tries, and the seed they are drawn by; without one, it takes a new one and shows it.
VALUES ?= 10000
SEED ?=
# Checks that `make live` makes, for instance: make live LIVE_ARGS='A3 A20'
LIVE_ARGS ?=
# Histories that `make simulate` plays, and the seed of the first one; the others follow.
HISTORIES ?= 1000
# What all of them aim at, as `make simulate` prints it; they aim at what was rare so far when not given.
AIM ?=
# Mutants that `make mutants` draws.
MUTANTS ?= 200
# Seconds that `make fuzz` spends on each of its four targets.
SECONDS ?= 900
# Cases that `make sweep` spreads over verbs, log-ons, kinds of damage and bytes.
CASES ?= 10000
# Requests of each mode at which `make kill-sweep` kills a task, each in four ways.
POINTS ?= 50
# How often `make kill-plays` kills a play.
PLAYS ?= 10
# Runs that `make simulate-tasks` kills.
KILLS ?= 1000
# How often and how tests are repeated, for instance: make test-races REPEAT_ARGS='--times 5 --way loaded -k receive'
REPEAT_ARGS ?=
# Processes of `make simulate` at the same time.
SIMULATION_WORKERS ?= 1
# Test processes at the same time.
WORKERS ?= auto
# More arguments for uv, which `make lock` calls.
LOCK_ARGS ?=
# Some sessions of `make test-all`, for instance: make test-all NOX_ARGS='-s 2.20-3.12 -- tests/unit'
NOX_ARGS ?=

VENV := .venv
CACHE := .cache
BIN := $(CURDIR)/$(VENV)/bin
VENV_PYTHON := $(BIN)/python
COLLECTIONS := $(CURDIR)/$(CACHE)/collections

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Tools find each other in the environment, the collection in the tree of links, and leave the user's ~/.ansible alone.
WITH_ENV := PATH="$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH="$(COLLECTIONS)" \
	ANSIBLE_HOME="$(CURDIR)/$(CACHE)/ansible" ANSIBLE_REMOTE_TEMP="$(CURDIR)/$(CACHE)/ansible/tmp"
# ansible-lint installs a copy of the collection into its ANSIBLE_HOME: nothing else may look there.
WITH_OWN_HOME := $(WITH_ENV) ANSIBLE_HOME="$(CURDIR)/$(CACHE)/ansible-lint"
PYTEST := $(WITH_ENV) $(VENV_PYTHON) -m pytest --no-header

REQUIREMENTS := meta/ee-requirements.txt tests/requirements-unit.txt tests/requirements.txt
# Marks in the environments say with what they were made; newer requirement files make them anew.
TESTS_INSTALLED := $(VENV)/.tests-installed
KERBEROS_INSTALLED := $(VENV)/.kerberos-installed
LINT_INSTALLED := $(VENV)/.lint-installed
IMPORTER_VENV := $(CACHE)/importer-venv
IMPORTER_INSTALLED := $(IMPORTER_VENV)/.installed
FUZZ_VENV := $(CACHE)/fuzz-venv
FUZZ_INSTALLED := $(FUZZ_VENV)/.installed
LOCK_VENV := $(CACHE)/lock-venv
LOCK_INSTALLED := $(LOCK_VENV)/.installed
READY := $(TESTS_INSTALLED) $(COLLECTIONS)
LINT_READY := $(LINT_INSTALLED) $(COLLECTIONS)

.PHONY: help
help: ## Show this list
	@echo "psremoting.fleet: what you can make"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## See it work: a simulated fleet on this machine, and a playbook that connects to its sessions
	@$(WITH_ENV) $(VENV_PYTHON) demo/run.py

# The PowerShell of `make fleet`; the one on PATH when not given.
POWERSHELL ?= pwsh
FLEET := $(CACHE)/fleet

.PHONY: fleet
fleet: $(READY) ## Simulated computers with a real PowerShell, for scripts of your own, until Ctrl-C
	@command -v "$(POWERSHELL)" > /dev/null || { echo "fleet: there is no PowerShell $(POWERSHELL); install PowerShell 7," \
		"or say where it is: make fleet POWERSHELL=/path/to/pwsh"; exit 1; }
	@mkdir -p $(FLEET)
	@echo "Starting the computers of demo/fleet_empty.yml; their inventory is $(FLEET)/inventory.yml"
	@$(WITH_ENV) $(VENV_PYTHON) -m tests.simulator demo/fleet_empty.yml --powershell "$(POWERSHELL)" \
		--inventory $(FLEET)/inventory.yml --inventory-passwords

## Tests

.PHONY: test
test: test-pytest-ansible test-molecule test-python ## Run all tests with the default ansible-core

.PHONY: test-python
test-python: $(READY) ## Unit, project, integration and conformance tests
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: test-unit
test-unit: $(READY) ## Unit tests only: seconds
	@$(PYTEST) tests/unit $(PYTEST_ARGS)

.PHONY: test-pytest-ansible
test-pytest-ansible: $(READY) ## The tests that use pytest-ansible
	@$(PYTEST) -p pytest-ansible --ansible-unit-inject-only tests/pytest_ansible $(PYTEST_ARGS)

.PHONY: test-molecule
test-molecule: $(READY) ## The molecule scenarios, against the simulated fleet
	@$(VENV_PYTHON) dev/molecule.py

.PHONY: record-situations
record-situations: $(READY) ## Record what modules return and request in tests/integration/situations anew; read the difference
	@PSSESSION_RECORD_SITUATIONS=1 $(PYTEST) tests/integration/situations/test_situations.py -n 0 $(PYTEST_ARGS)

.PHONY: conformance
conformance: $(READY) ## Random values and long scripts against a real PowerShell (VALUES=10000 SEED=...): minutes
	@PSSESSION_REQUIRE_POWERSHELL=1 PSSESSION_CONFORMANCE_VALUES=$(VALUES) PSSESSION_CONFORMANCE_SEED=$(SEED) \
		$(PYTEST) tests/conformance/powershell -rs $(PYTEST_ARGS)

.PHONY: live
live: $(READY) ## Whether the server in PSSESSION_LIVE_URI does what docs/protocol.md assumes; without it, a simulated one
	@$(WITH_ENV) $(VENV_PYTHON) -m tests.live $(LIVE_ARGS)

.PHONY: simulate
simulate: $(READY) ## Random histories of tasks and faults, checked against the promises (HISTORIES=100000 SEED=...)
	@$(WITH_ENV) PYTHONHASHSEED=0 $(VENV_PYTHON) -m tests.simulation --histories $(HISTORIES) --seed $(or $(SEED),0) \
		--workers $(SIMULATION_WORKERS) --table $(if $(AIM),--aim "$(AIM)")

.PHONY: simulate-tasks
simulate-tasks: $(READY) ## Random histories of Windows tasks by the connection plugin, with kills and faults (KILLS=3000 SEED=...)
	@$(WITH_ENV) PYTHONHASHSEED=0 $(VENV_PYTHON) -m tests.simulation.tasks --kills $(KILLS) --seed $(or $(SEED),0)

.PHONY: mutants
mutants: $(READY) ## Machine-made faults of the engine, which the simulation has to notice (MUTANTS=200 SEED=...): hours
	@$(WITH_ENV) PYTHONHASHSEED=0 $(VENV_PYTHON) -m tests.simulation.mutants --mutants $(MUTANTS) --seed $(or $(SEED),0)

.PHONY: fuzz
fuzz: $(FUZZ_INSTALLED) $(COLLECTIONS) ## Coverage-guided fuzzing of all that reads answers: SECONDS=900 for each of four targets
	@for target in soap fragments clixml multipart; do \
		$(WITH_ENV) PYTHONPATH="$(CURDIR):$(COLLECTIONS)" $(FUZZ_VENV)/bin/python -m tests.fuzz $$target $(SECONDS) $(CACHE)/fuzz \
			|| exit 1; done

.PHONY: sweep
sweep: $(READY) ## Verbs over sockets, with damage at every k-th byte, and run again (CASES=10000 SEED=...): an hour
	@$(WITH_ENV) PYTHONHASHSEED=0 $(VENV_PYTHON) -m tests.simulation.sweep --cases $(CASES) --seed $(or $(SEED),0)

.PHONY: kill-sweep
kill-sweep: $(READY) ## Windows tasks killed at each request and run again, in a real PowerShell (POINTS=50 SEED=...): an hour
	@$(WITH_ENV) $(VENV_PYTHON) -m tests.kill_sweep --points $(POINTS) --seed $(or $(SEED),0)

.PHONY: kill-plays
kill-plays: $(READY) ## A play of ten Windows tasks that is killed and run again, in a real PowerShell (PLAYS=10 SEED=...): half an hour
	@$(WITH_ENV) $(VENV_PYTHON) -m tests.kill_sweep --plays $(PLAYS) --seed $(or $(SEED),0)

.PHONY: test-pypsrp
test-pypsrp: $(READY) ## pypsrp's own tests against the simulator with a real PowerShell: minutes
	@$(VENV_PYTHON) dev/pypsrp_tests.py

.PHONY: test-core-connection
test-core-connection: $(READY) ## ansible-core's own tests of the psrp connection, by our connection and a real PowerShell: minutes
	@$(VENV_PYTHON) dev/core_connection_tests.py

.PHONY: test-windows-tasks
test-windows-tasks: $(READY) ## Tasks of ansible.windows in a real PowerShell, by core's psrp and by our connection: minutes
	@PSSESSION_TEST_EVERY_TASK=1 $(PYTEST) tests/integration/playbooks/test_connection_tasks.py -rs $(PYTEST_ARGS)

.PHONY: test-races
test-races: $(READY) ## The tests in which threads or processes meet, 20 times each on a free, a busy and a single processor
	@$(WITH_ENV) $(VENV_PYTHON) dev/repeat.py $(REPEAT_ARGS)

.PHONY: benchmark
benchmark: $(READY) ## How fast engine and playbooks are, on this machine
	@$(WITH_ENV) $(VENV_PYTHON) -m tests.benchmark $(BENCHMARK_ARGS)

.PHONY: test-all
test-all: $(READY) ## Sanity, unit and integration tests on every supported ansible-core whose Python is here: hours
	@$(WITH_ENV) $(VENV_PYTHON) -m nox $(NOX_ARGS)

.PHONY: kerberos
kerberos: $(KERBEROS_INSTALLED) ## Add what the tests of Kerberos need; without it they are skipped, and say what is missing

## Lint

.PHONY: lint
lint: lint-ruff lint-mypy lint-workflows lint-licences lint-changelog lint-docs lint-ansible lint-importer lint-sanity docs ## All checks of the sources
	@echo "lint: all checks passed"

.PHONY: lint-ruff
lint-ruff: $(LINT_READY) ## Python style and likely bugs
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet --diff .
	@echo "lint-ruff: passed"

.PHONY: lint-mypy
lint-mypy: $(LINT_READY) ## Types, strictly
	@told=$$($(BIN)/mypy -p ansible_collections.psremoting.fleet.plugins -m noxfile \
		$(foreach folder,$(wildcard demo dev tests),-p $(folder))) || \
		{ echo "$$told" | sed 's|^$(CACHE)/collections/ansible_collections/psremoting/fleet/||'; exit 1; }
	@echo "lint-mypy: passed"

.PHONY: lint-workflows
lint-workflows: $(LINT_READY) ## GitHub's workflows, by their schema; needs no network
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@echo "lint-workflows: passed"

.PHONY: lint-licences
lint-licences: $(LINT_READY) ## A licence for every file
	@$(BIN)/reuse lint --quiet || { $(BIN)/reuse lint --lines; exit 1; }
	@echo "lint-licences: passed"

.PHONY: lint-changelog
lint-changelog: $(LINT_READY) ## The changelog fragments
	@$(WITH_ENV) $(BIN)/antsibull-changelog lint
	@echo "lint-changelog: passed"

.PHONY: lint-docs
lint-docs: $(LINT_READY) ## The plugins' documentation and its references
	@$(WITH_ENV) $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self \
		--disallow-unknown-collection-refs .
	@echo "lint-docs: passed"

.PHONY: lint-ansible
lint-ansible: $(LINT_READY) ## ansible-lint, production profile
	@$(WITH_OWN_HOME) $(BIN)/ansible-lint --offline --profile production --nocolor -q
	@echo "lint-ansible: passed"

.PHONY: lint-sanity
lint-sanity: $(LINT_READY) ## ansible-test sanity; without a container engine
	@$(VENV_PYTHON) dev/sanity.py
	@echo "lint-sanity: passed"

.PHONY: lint-importer
lint-importer: $(IMPORTER_INSTALLED) build ## galaxy-importer on the artefact, as Galaxy would import it
	@$(VENV_PYTHON) dev/importer.py $(CURDIR)/$(IMPORTER_VENV)
	@echo "lint-importer: passed"

.PHONY: format
format: $(LINT_READY) ## Format the Python files and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

## Artefact and documentation

.PHONY: docs
docs: $(LINT_READY) ## The documentation site, in dist/docs: guides, and a page for each plugin, module and role
	@$(WITH_ENV) $(VENV_PYTHON) dev/docs.py

.PHONY: pictures
pictures: $(LINT_READY) ## The pictures of README.md, from the demo and with Chromium; look at them before you commit them
	@$(WITH_ENV) $(VENV_PYTHON) dev/pictures.py

.PHONY: build
build: $(READY) ## Build the collection's artefact into dist/
	@$(WITH_ENV) $(VENV_PYTHON) dev/build.py

## Release

.PHONY: changelog
changelog: $(LINT_READY) ## The changelog of the version in galaxy.yml, from the fragments: the first step of a release
	@$(WITH_ENV) $(VENV_PYTHON) dev/release.py prepare

.PHONY: lock
lock: $(LOCK_INSTALLED) ## The libraries of the execution environment, with versions and hashes (LOCK_ARGS=--upgrade)
	@$(VENV_PYTHON) dev/lock.py $(CURDIR)/$(LOCK_VENV)/bin/uv $(LOCK_ARGS)

.PHONY: release-check
release-check: lint-changelog lint-sanity $(IMPORTER_INSTALLED) ## All that a release does, without publishing: a dry run
	@$(WITH_ENV) $(VENV_PYTHON) dev/release.py check $(CURDIR)/$(IMPORTER_VENV)
	@echo "release-check: passed"

.PHONY: clean
clean: ## Remove everything that was made here: environments, caches, artefacts
	@rm -rf $(VENV) $(CACHE) dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

## Environments

$(TESTS_INSTALLED): $(REQUIREMENTS)
	@python=$${PYTHON:-$$(dev/find-python.sh)} && \
	echo "Installing what is needed into $(VENV) with $$("$$python" --version); this takes about a minute, once ..." && \
	"$$python" -m venv --clear $(VENV) && \
	$(VENV_PYTHON) -m pip install --disable-pip-version-check -qq -r tests/requirements.txt && \
	$(VENV_PYTHON) dev/tree.py link > "$$($(VENV_PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/psremoting_fleet.pth"
	@touch $@

$(COLLECTIONS): | $(TESTS_INSTALLED)
	@$(VENV_PYTHON) dev/tree.py link > /dev/null

$(KERBEROS_INSTALLED): $(TESTS_INSTALLED) tests/requirements-kerberos.txt
	@echo "Installing the Kerberos libraries into $(VENV); some minutes where they have to be built, once ..."
	@$(VENV_PYTHON) -m pip install --disable-pip-version-check -qq -r tests/requirements-kerberos.txt
	@touch $@

$(LINT_INSTALLED): $(TESTS_INSTALLED) tests/requirements-lint.txt
	@echo "Installing the lint tools into $(VENV); about half a minute, once ..."
	@$(VENV_PYTHON) -m pip install --disable-pip-version-check -qq -r tests/requirements-lint.txt
	@touch $@

$(FUZZ_INSTALLED): $(TESTS_INSTALLED) meta/ee-requirements.txt tests/requirements-fuzz.txt
	@echo "Installing atheris into $(FUZZ_VENV), once ..."
	@$(VENV_PYTHON) -m venv --clear $(FUZZ_VENV)
	@$(FUZZ_VENV)/bin/python -m pip install --disable-pip-version-check -qq -r meta/ee-requirements.txt -r tests/requirements-fuzz.txt
	@touch $@

$(IMPORTER_INSTALLED): $(TESTS_INSTALLED) tests/requirements-importer.txt
	@echo "Installing galaxy-importer into $(IMPORTER_VENV); about half a minute, once ..."
	@$(VENV_PYTHON) -m venv --clear $(IMPORTER_VENV)
	@$(IMPORTER_VENV)/bin/python -m pip install --disable-pip-version-check -qq -r tests/requirements-importer.txt
	@touch $@

$(LOCK_INSTALLED): $(TESTS_INSTALLED)
	@echo "Installing uv into $(LOCK_VENV), once ..."
	@$(VENV_PYTHON) -m venv --clear $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip install --disable-pip-version-check -qq uv
	@touch $@
