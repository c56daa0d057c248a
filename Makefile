# TradeBot: `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
SAM_STAMP := $(SAM_VENV)/.installed

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^#: / {printf "\n%s\n", substr($$0, 4)} /^[a-zA-Z_-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

#: Setting up
.PHONY: install
install: $(STAMP) ## Install what the project needs into .venv (every other target does so by itself)

$(STAMP): requirements.lock pyproject.toml infra/tools/uv.txt
	@echo "Installing into $(VENV) (once; about a minute on a slow network) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "TradeBot needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/tools/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(SAM_STAMP): infra/tools/sam.txt $(STAMP)
	@echo "Installing the SAM command line into $(SAM_VENV) ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SAM_VENV)
	@VIRTUAL_ENV=$(SAM_VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes infra/tools/sam.txt
	@touch $@

.PHONY: lock
lock: $(STAMP) ## Resolve the dependencies anew and pin them with their hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade --extra local --extra dev pyproject.toml -o requirements.lock
