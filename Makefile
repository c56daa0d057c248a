# TradeBot: `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENVIRONMENT := $(VENV)/.environment
STAMP := $(VENV)/.installed
AUDIT_VENV := .venv-audit
AUDIT_STAMP := $(AUDIT_VENV)/.installed
SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
SAM_STAMP := $(SAM_VENV)/.installed
# The machine's own certificate store, as pip and git use it: behind a company's proxy uv's built-in one fails.
export UV_SYSTEM_CERTS ?= true

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^#: / {printf "\n%s\n", substr($$0, 4)} /^[a-zA-Z_-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

#: Setting up
.PHONY: install
install: $(STAMP) ## Install what the project needs into .venv (every other target does so by itself)

$(ENVIRONMENT): requirements.lock pyproject.toml infra/tools/uv.txt
	@echo "Installing into $(VENV) (once; about a minute on a slow network) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "TradeBot needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test ! -L $(VENV) || { echo "$(VENV) is a link to another checkout's environment, which this would empty. Remove the link."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/tools/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The compiled engine of this machine; where there is no compiler for it, the plain one serves.
$(STAMP): $(ENVIRONMENT) infra/build/kernel.py $(wildcard layers/core/tradebot/engine/kernel/*.[ch])
	@$(BIN)/python -m infra.build.kernel
	@touch $@

$(SAM_STAMP): infra/tools/sam.txt $(STAMP)
	@echo "Installing the SAM command line into $(SAM_VENV) ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SAM_VENV)
	@VIRTUAL_ENV=$(SAM_VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes infra/tools/sam.txt
	@touch $@

.PHONY: lock
lock: $(STAMP) ## Resolve the dependencies anew and pin them with their hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade --extra local --extra cli --extra dev pyproject.toml -o requirements.lock
	@$(BIN)/python -m infra.build.layer_requirements

#: Running on this machine
.PHONY: up
up: $(STAMP) ## Run everything and watch bots trade [CANDLES=path.csv START=iso | MARKET=live LIVE_URL=url] [SEED=n] [PORT=n] [MINUTES=n]
	@$(BIN)/python -m infra.local.up $(if $(CANDLES),--candles "$(CANDLES)") $(if $(MARKET),--market $(MARKET)) $(if $(SEED),--seed $(SEED)) $(if $(PORT),--port $(PORT)) $(if $(START),--start "$(START)") $(if $(LIVE_URL),--live-url "$(LIVE_URL)") $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: reset
reset: $(STAMP) ## Forget everything that `make up` keeps: users, bots, trades, the exchange's accounts
	@$(BIN)/python -m infra.local.reset

.PHONY: logs
logs: $(STAMP) ## Follow the functions' logs, readable [F=bot_runner]
	@$(BIN)/python -m infra.local.logs $(F)

.PHONY: mail
mail: $(STAMP) ## Show the mail that users were sent, with its tokens [TO=address]
	@$(BIN)/python -m infra.local.mail $(TO)

.PHONY: invoke
invoke: $(STAMP) ## Run one function on one event file: make invoke F=bot_runner E=due_bot
	@$(BIN)/python -m infra.local.invoke $(F) $(E)

.PHONY: kill-switch
kill-switch: $(STAMP) ## Keep every bot of the running `make up` from entering: make kill-switch ON=1 REASON="why", or OFF=1
	@$(BIN)/python -m infra.local.kill_switch $(if $(OFF),off,$(if $(ON),on)) $(if $(REASON),--reason "$(REASON)")

.PHONY: rotate-keys
rotate-keys: $(STAMP) ## Have KMS wrap the data keys of all exchange keys anew where `make up` runs, with progress
	@$(BIN)/python -m infra.local.rotate_keys

.PHONY: replay
replay: $(STAMP) ## Replay four real days of BTCUSDT through the whole path and reconcile [START=iso END=iso CANDLES=path]
	@$(BIN)/python -m infra.local.replay $(if $(CANDLES),--candles "$(CANDLES)") $(if $(START),--start "$(START)") $(if $(END),--end "$(END)")

#: Checking
.PHONY: test
test: $(STAMP) ## Run the tests [T=tests/unit/engine]
	@$(BIN)/pytest -q -n 2 --dist worksteal $(T)

.PHONY: lint
lint: $(STAMP) ## Formatting, ruff, mypy strict, import directions, bandit
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy layers/core functions/api infra tests
	@for f in functions/*/handler.py; do $(BIN)/mypy $$f || exit 1; done
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive layers functions infra

.PHONY: format
format: $(STAMP) ## Format the code and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: validate
validate: $(SAM_STAMP) ## Lint both templates as SAM and CloudFormation do
	@$(SAM) validate --lint --region eu-central-1 --template infra/foundation.yaml
	@$(SAM) validate --lint --region eu-central-1 --template template.yaml

$(AUDIT_STAMP): infra/tools/audit.txt $(STAMP)
	@echo "Installing checkov and pip-audit into $(AUDIT_VENV) ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(AUDIT_VENV)
	@VIRTUAL_ENV=$(AUDIT_VENV) $(BIN)/uv pip sync --quiet --require-hashes infra/tools/audit.txt
	@touch $@

.PHONY: audit
audit: $(AUDIT_STAMP) ## Look for known holes: checkov on both templates, pip-audit on the lock (asks PyPI's advisories, and fails where it cannot)
	@$(AUDIT_VENV)/bin/checkov --config-file infra/tools/checkov.yaml -f infra/foundation.yaml -f template.yaml
	@$(AUDIT_VENV)/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock || { \
	  echo; \
	  echo "pip-audit did not pass. Where a package has a known hole, it is listed above: raise it in pyproject.toml, then make lock."; \
	  echo "Where it says that a package was not found or could not be audited, PyPI's advisories (https://pypi.org/pypi/<package>/json)"; \
	  echo "cannot be reached from here, a mirror of the packages alone has none: nothing is known of any package. Run this where they can."; \
	  exit 1; }

.PHONY: check
check: lint validate test ## Everything that CI runs

.PHONY: golden
golden: $(STAMP) ## Rewrite the golden results on purpose, and show what changed
	@$(BIN)/python -m tests.golden.results

.PHONY: bench
bench: $(STAMP) ## Measure ticks, replay and start-up, and write the figures to docs/figures.md
	@$(BIN)/python -m tests.bench

.PHONY: bench-engine
bench-engine: $(STAMP) ## Measure the backtest engine by itself, into docs/figures-engine.md
	@$(BIN)/python -m tests.bench.engine

.PHONY: bench-backtests
bench-backtests: $(STAMP) ## Measure backtests from their request to their report, into docs/figures-backtests.md (minutes)
	@$(BIN)/python -m tests.bench.backtests

.PHONY: bench-peers
bench-peers: $(STAMP) ## Measure it against other engines, which get an environment of their own (.venv-peers)
	@$(BIN)/python -m tests.bench.engine_peers

.PHONY: fuzz-api
fuzz-api: $(STAMP) ## Send the running API thousands of requests made of its document, alone and in sequences [CASES=10000]
	@TRADEBOT_API_CASES=$(or $(CASES),10000) $(BIN)/pytest -q -s -o faulthandler_timeout=0 tests/integration/surface/test_no_request_breaks_it.py

.PHONY: prove
prove: $(STAMP) ## Run every proof in full and write docs/proofs.md: hours [HISTORIES=n SEED=n PROOFS="kills mutants"]
	@$(BIN)/python -m tests.proofs $(PROOFS) $(if $(HISTORIES),--histories $(HISTORIES)) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz-engine
fuzz-engine: $(STAMP) ## Hold the compiled engine to the plain one over thousands of random backtests [EXAMPLES=5000]
	@TRADEBOT_KERNEL_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/pytest -q -n 2 -o faulthandler_timeout=0 tests/unit/kernel/test_compiled_equals_plain.py

#: Deploying
.PHONY: build
build: $(SAM_STAMP) ## Build the functions and layers for Lambda (needs a Python 3.13 and says so)
	@runtime=$$($(BIN)/python -m infra.build.runtime_python) && \
	PATH="$$runtime:$$PATH" ARCH=$(or $(ARCH),arm64) SAM_CLI_TELEMETRY=0 $(SAM) build --template template.yaml
