# Two commands do everything on a fresh machine: `make up` and `make test`. `make` lists all.
SHELL := /bin/bash
PYTHON := .venv/bin/python
TRAINER := .venv-trainer/bin/python
STACK ?= qa
BASE ?= main
# The tests' sandbox stands beside a person's own: another name, another place in the address plan.
TEST_SANDBOX := SANDBOX_NAME=$${SANDBOX_NAME:-test} SANDBOX_INDEX=$${SANDBOX_INDEX:-1}

.DEFAULT_GOAL := help
.PHONY: help up down destroy preview review test test-fast test-program test-cloud test-rest test-trainer test-sandbox check toolchain status logs bench clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: setup ## set everything up and give the business (STACK=qa; or all) its cluster, with a trained model in its bucket
	@$(PYTHON) -m sandbox deploy $(STACK)

preview: setup ## what `pulumi up` would change for the business
	@eval "$$($(PYTHON) -m sandbox env)" && pulumi preview --stack $(STACK)

review: setup ## what the commits since BASE (main) would change, cost and break, as one comment
	@eval "$$($(PYTHON) -m sandbox env)" && $(PYTHON) -m infra.review --base $(BASE)

status: setup ## what runs
	@$(PYTHON) -m sandbox status

logs: setup ## follow the training's log
	@$(PYTHON) -m sandbox logs $(STACK)

down: setup ## stop the sandbox; what it remembers stays, and the next `make up` goes on from there
	@$(PYTHON) -m sandbox down

destroy: setup ## `pulumi destroy` of every stack, data included
	@$(PYTHON) -m sandbox destroy

clean: setup ## stop the sandbox and forget everything but the cache
	@$(PYTHON) -m sandbox down --purge

test: test-fast test-sandbox ## all set-up and all tests

# In five parts, the longest first, so that two of them are always at work: no part has a folder of its own to be forgotten in.
APART := tests/unit/trainer tests/unit/sandbox tests/unit/controllers
test-fast: setup ## style, types, import rules and unit tests: about a minute
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-trainer test-program test-cloud test-rest check

test-program: setup
	@$(PYTHON) -m pytest -q tests/unit tests/architecture tests/golden -m "not sandbox" $(addprefix --ignore=,$(APART))

test-cloud: setup
	@$(PYTHON) -m pytest -q tests/unit/sandbox/cloud

test-rest: setup
	@$(PYTHON) -m pytest -q tests/unit/sandbox tests/unit/controllers --ignore=tests/unit/sandbox/cloud

test-trainer: setup
	@$(TRAINER) -m pytest -q tests/unit/trainer

# Two modules at a time, since most of a test is waiting (tests/sandbox/conftest.py); the second worker has a sandbox of its own.
TWO_AT_ONCE := --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
test-sandbox: setup ## the real thing, end to end, in sandboxes of its own beside yours
	@$(TEST_SANDBOX) $(PYTHON) -m sandbox prepare --tests
	@$(TEST_SANDBOX) $(PYTHON) -m pytest tests/sandbox -m sandbox $(TWO_AT_ONCE) --durations=10

check: setup
	@.venv/bin/ruff format --check -q . && .venv/bin/ruff check -q .
	@.venv/bin/lint-imports --no-cache --verbose 2>&1 | tail -1
	@.venv/bin/mypy --no-error-summary infra policies sandbox controllers benchmarks __main__.py
	@.venv-trainer/bin/mypy --no-error-summary trainer benchmarks/elasticdl_curves.py benchmarks/elasticdl_job.py benchmarks/elasticdl_throughput.py benchmarks/plain_keras.py benchmarks/hidden_markov.py benchmarks/kenlm.py benchmarks/perplexity.py benchmarks/played_job.py benchmarks/relevance.py benchmarks/serving.py benchmarks/training_speed.py

toolchain: setup ## obtain every tool (about 25 minutes on two cores when all must be built; cached afterwards)
	@$(PYTHON) -m sandbox toolchain

bench: setup ## measure the claims of the documentation
	@$(PYTHON) -m benchmarks

# --- the two Python environments; a lock, so that two calls of make do not write into one another ---------------------
PYTHON3 ?= python3
PIP := -m pip install -q --disable-pip-version-check
.PHONY: setup
setup: .venv/.ready .venv-trainer/.ready

.venv/.ready: requirements.txt sandbox/requirements.txt images/controllers/requirements.txt \
		requirements-development.txt policies/requirements.txt
	@$(call fresh_environment,.venv)
	@echo "Installing the program's Python packages into .venv ..."
	@flock .setup.lock bash -ec '.venv/bin/python $(PIP) -r requirements-development.txt && \
		.venv/bin/python $(PIP) --no-deps -r policies/requirements.txt && touch $@'

.venv-trainer/.ready: images/trainer/requirements.txt images/trainer/requirements-no-deps.txt trainer/requirements-development.txt
	@$(call fresh_environment,.venv-trainer)
	@echo "Installing the trainer's Python packages into .venv-trainer ..."
	@flock .setup.lock bash -ec '.venv-trainer/bin/python $(PIP) -r images/trainer/requirements.txt -r trainer/requirements-development.txt && \
		.venv-trainer/bin/python $(PIP) --no-deps -r images/trainer/requirements-no-deps.txt && \
		cd .venv-trainer/lib/python3.11/site-packages && ../../../bin/python -m grpc_tools.protoc -I . -I tensorflow/include \
			--python_out=. elasticdl/proto/elasticdl.proto && cd $(CURDIR) && touch $@'

define fresh_environment
$(PYTHON3) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	|| { echo "Python 3.11 is needed (ElasticDL's TensorFlow 2.15 runs on no newer one): make PYTHON3=/path/to/python3.11 ..."; exit 1; }; \
$(PYTHON3) -m venv $(1) >/dev/null || { echo "python3 cannot make environments: apt-get install python3-venv"; exit 1; }
endef
