# What every layer's and function's Makefile includes. `sam build` runs that Makefile in a copy of its folder, with ARTIFACTS_DIR set,
# but names it by its real path: that is how this file is found from there.
ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
# The bytecode must be of the functions' own minor version. `make build` looks for it and puts it on the PATH.
RUNTIME_PYTHON ?= python3.13
ARTIFACT := PYTHONPATH=$(ROOT) $(RUNTIME_PYTHON) -m infra.build.artifact
