# `make demo` and `make test` are the two to start with. What the targets need is set up in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test bench encoder encoders check clean

demo: $(READY)  ## pre-train, fine-tune, evaluate and report; DATA=<folder> for your own recordings
	$(BIN)/skeletonmae demo --out runs/demo $(if $(DATA),--data "$(DATA)")

test: $(READY)  ## the fast test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: $(READY)  ## speed beside a plain reference, into benchmarks/results.md; QUICK=1 ends in ten minutes, into runs/bench
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/run.py $(if $(QUICK),--quick)

encoder: $(READY)  ## ship the encoder of CHECKPOINT; OPTIONS="--name kinect20 --commit ... --recipe ... --device ..."
	$(BIN)/python scripts/ship_encoder.py "$(CHECKPOINT)" $(OPTIONS)

encoders: $(READY)  ## train the shipped encoders from the prepared stores, or resume; NAMES="small" for some, OPTIONS="--device cuda"
	$(BIN)/python scripts/encoder_pool.py stores
	$(BIN)/python scripts/train_encoders.py $(NAMES) $(OPTIONS)

check: $(READY)  ## linters and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/write_recipe_reference.py --check

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "skeletonmae needs Python 3.11 or later, and $(PYTHON) is `$(PYTHON) --version 2>&1`; try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]" --group dev
	touch $(READY)
