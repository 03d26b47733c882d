# Everything runs in a virtual environment of its own: `make demo` on a fresh machine needs Python 3.11 and make.
PYTHON ?= python3
BIN := .venv/bin
# What `make demo` paints when it is given no PROMPT; the pictures in the README.
DEMO := "a large blue cone on sand" "a large yellow sphere on grass" \
	"a large red cylinder on a wooden floor" "a large green cube on a checkered floor" --seed 1

export PROMPT

.PHONY: setup demo check format test test-all bench bench-load parity-full samplers reproducibility journeys compression clean

setup: .venv/installed
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev-installed: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: .venv/installed  ## pictures from words: make demo PROMPT="..."
	$(BIN)/calotype generate $(if $(PROMPT),"$$PROMPT",$(DEMO)) --images 4 --guidance-scale 3 --sampler euler_ancestral --grid

check: .venv/dev-installed  ## a minute: format, lint, types, imports, structure, laws on fewer examples
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --threads 2
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/structure tests/laws -m "not slow" --hypothesis-profile quick -n 2

format: .venv/dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: .venv/dev-installed  ## every test that is not marked slow
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n 2

test-all: .venv/dev-installed  ## every test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

parity-full: .venv/dev-installed  ## docs/parity.md: models of full size, 12 GB of memory, 20 minutes
	$(BIN)/python studies/parity.py

samplers: .venv/dev-installed  ## docs/samplers.md: every sampler at 5 to 50 steps, 20 minutes
	$(BIN)/python studies/samplers.py --count 8

reproducibility: .venv/dev-installed  ## docs/reproducibility.md: what a batch changes in a picture
	$(BIN)/python studies/batches.py --count 8

journeys: .venv/dev-installed  ## recipes/tiny from nothing, and what each reaches
	$(BIN)/python studies/journeys.py

compression: .venv/dev-installed  ## studies/README.md: how much should the first stage compress? 3 hours
	$(BIN)/python studies/compression.py

bench: .venv/dev-installed  ## side by side with diffusers, ratios with spread
	$(BIN)/python benchmarks/generate.py
	$(BIN)/python benchmarks/train.py

bench-load: .venv/dev-installed  ## opening a checkpoint of full size, side by side: 14 GB of disk
	$(BIN)/python benchmarks/load.py

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
