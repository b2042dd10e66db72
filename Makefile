# Every verb bootstraps what it needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
INSTALLED := $(VENV)/.installed
SOURCES := runtime edge cloud optimizer reference bench tests protos/generate.py

# GCC 12 believes that LDTILECFG reads eight bytes and drops the stores of the rest: libllama compiled
# for a processor with AMX then dies of SIGILL at its first product of matrices. So without AMX.
LLAMA_FLAGS := $(if $(shell grep -wm1 amx_tile /proc/cpuinfo 2>/dev/null),-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
LLAMA_PIP = CFLAGS="$(LLAMA_FLAGS) $$CFLAGS" CXXFLAGS="$(LLAMA_FLAGS) $$CXXFLAGS" $(BIN)/pip
LLAMA_WORKS = $(BIN)/python -c 'from pathlib import Path; from bench.edge_serving_loops import Loops; \
  Loops(Path("reference/weights/gannet-l.gguf"), threads=1).batched(8, 32, 2)'

.PHONY: help setup demo readme up models test lint format types imports protos protos-check unit helm-tools test-long long-privacy bench bench-peers lock wheel wheels clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## build .venv from the lock (compiles llama-cpp-python once, about 6 minutes)

# --require-hashes: every file installed is one that the lock names.
$(INSTALLED): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "leeward needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed; on Debian install python3-venv" >&2; exit 1; }
	@echo "setup: installing from $(LOCK); llama-cpp-python is compiled the first time, about 6 minutes on 2 cores"
	$(LLAMA_PIP) install --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(LLAMA_WORKS) || { echo "setup: the llama-cpp-python in pip's cache is not for this processor; it is compiled anew" >&2; \
	  $(BIN)/pip cache remove llama_cpp_python; \
	  sed -n '/^llama-cpp-python==/,/--hash/p' $(LOCK) > $(VENV)/llama.lock && $(LLAMA_PIP) install --disable-pip-version-check \
	    --force-reinstall --no-deps --require-hashes -r $(VENV)/llama.lock && $(LLAMA_WORKS); }
	@touch $@

demo: setup ## the main job, end to end, on real models
	$(BIN)/python -m reference.demo

readme: setup ## run the demo and put its output into README.md
	$(BIN)/python -m reference.readme

up: setup ## start the same and stay up
	$(BIN)/leeward up

test: lint types imports protos-check unit ## everything CI checks

lint: setup ## ruff: format and rules
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

format: setup ## rewrite the sources as ruff likes them
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports

protos: setup ## regenerate the contract's code
	$(BIN)/python protos/generate.py

protos-check: setup ## proto lint, and drift of the generated code
	$(BIN)/buf lint
	$(BIN)/python protos/generate.py --check

JOBS ?= 2
unit: setup ## the tests alone, in JOBS processes; a file stays in one, with what it has started
	@$(MAKE) -s helm-tools || echo "helm's library cannot be had here: the tests of its chart are passed over" >&2
	$(BIN)/pytest -n $(JOBS) --dist loadfile

HELM := var/helm
helm-tools: setup $(HELM)/.installed ## Helm's library and Kubernetes' schemas, to check deploy/helm with

$(HELM)/.installed: deploy/helm/tools.lock
	$(BIN)/uv venv -q --clear $(HELM)
	$(BIN)/uv pip install -q --require-hashes -p $(HELM)/bin/python -r deploy/helm/tools.lock
	@touch $@

test-long: setup ## the long property profiles (hours)
	$(BIN)/pytest -m long --timeout 0 --hypothesis-profile=searching -o addopts="--import-mode=importlib --strict-markers -ra"

long-privacy: setup ## the privacy promises alone, 100,000 random examples of each (minutes)
	$(BIN)/pytest -m long -p no:randomly tests/privacy/test_at_length.py

PEERS := var/bench-litellm
bench-peers: setup $(PEERS)/.installed ## LiteLLM's proxy in an environment of its own, to compare with

$(PEERS)/.installed: bench/gateway_litellm.lock
	$(BIN)/uv venv -q --clear $(PEERS)
	$(BIN)/uv pip install -q --require-hashes -p $(PEERS)/bin/python -r bench/gateway_litellm.lock
	@touch $@

bench: setup ## the headline figures, quick
	$(BIN)/python -m bench.runtime_overhead --json --quick

TRAIN := .venv-train
REFERENCE_MODELS := tern-xs tern-s tern-m gannet-s gannet-m gannet-l
# Weights follow from the table in reference/models.py; every step goes on where it was stopped.
models: setup $(TRAIN)/.installed ## train the reference models again from nothing (hours)
	for m in $(REFERENCE_MODELS); do $(TRAIN)/bin/python -m reference.train --model $$m --resume || exit 1; done
	for m in $(REFERENCE_MODELS); do $(TRAIN)/bin/python -m reference.sample --model $$m || exit 1; done
	for m in $(REFERENCE_MODELS); do $(TRAIN)/bin/python -m reference.train --model $$m --roles --resume || exit 1; done
	for m in $(REFERENCE_MODELS); do $(TRAIN)/bin/python -m reference.export --model $$m || exit 1; done

$(TRAIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/pip install --disable-pip-version-check -e .[train]
	@touch $@

COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header

lock: setup ## resolve the dependencies again
	$(COMPILE) --upgrade --extra edge --extra cloud --extra otlp --extra postgres --extra optimizer --extra optuna --extra ray \
	  --extra demo --extra dev \
	  pyproject.toml -o $(LOCK)
	$(COMPILE) -c $(LOCK) --extra edge pyproject.toml -o deploy/containers/edge.lock
	$(COMPILE) -c $(LOCK) --extra cloud --extra otlp --extra postgres pyproject.toml -o deploy/containers/cloud.lock
	$(COMPILE) bench/gateway_litellm.in -o bench/gateway_litellm.lock
	$(COMPILE) tests/integration/open_inference/client.in -o tests/integration/open_inference/client.lock

wheel: setup ## build the wheel and look inside it
	rm -rf dist && $(BIN)/pip wheel --no-deps --no-build-isolation -w dist . && $(BIN)/check-wheel-contents dist

# For devices without a compiler. x86-64-v3 (AVX2, FMA, F16C, BMI2) is every x86 of the last ten years; on aarch64 the
# dot products of ARMv8.2 (Raspberry Pi 5, Jetson). Run it on the kind of machine that the wheels are for.
WHEELS_x86_64 := -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON -DGGML_AVX512=OFF
WHEELS_aarch64 := -DGGML_CPU_ARM_ARCH=armv8.2-a+dotprod
wheels: wheel ## everything a device installs, as portable wheels in dist/wheels (compiles llama.cpp: minutes)
	CMAKE_ARGS="-DGGML_NATIVE=OFF $(WHEELS_$(shell uname -m))" $(BIN)/pip wheel --disable-pip-version-check --no-cache-dir \
	  --require-hashes -r deploy/containers/edge.lock -w dist/wheels
	cp dist/leeward-*.whl dist/wheels/

clean: ## remove what the verbs built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
