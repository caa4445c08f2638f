# make demo    a video of the bundled sample, or of yours: make demo IMAGE=my.jpg AUDIO=my.mp3 PROMPT="slow zoom in"
# make test    style, types and tests; make test-all adds the slow ones
# make lab     JupyterLab on the first notebook (this machine only, token on)
# make setup   only the virtual environment
# make check   only style and types
# make audit   known vulnerabilities, licences and installed files of all dependencies
# make bench   speed, memory and alignment, into bench/results/

SHELL := /bin/bash
BIN := .venv/bin
NOTEBOOK := notebooks/01_first_video.ipynb
# what the command line gives reaches the shell as environment, so that no quote or $ in it is ever interpreted
CHOICES := IMAGE AUDIO PROMPT MOTION DURATION START ASPECT
given = $(foreach name,$(CHOICES),$(if $(filter command line,$(origin $(name))),$(name)))
export $(CHOICES)
# container images often forbid bytecode files: then each kernel, worker and test would compile torch and the rest anew
unexport PYTHONDONTWRITEBYTECODE
option = --$(shell echo $(1) | tr A-Z a-z)="$$$(1)"

.PHONY: demo test test-all lab setup check style audit bench

setup:
	@env/setup.sh

demo: setup
	@$(BIN)/s2v-nb demo $(foreach name,$(given),$(call option,$(name)))

# three groups that take about as long as each other run side by side: those that wait for pages, kernels and clusters,
# those that need one core each, and all others; what they said follows at the end, and once more what failed
WAITING := tests/browser tests/test_notebooks.py tests/sweeps/test_ray.py tests/sweeps/test_killed.py
SINGLE := tests/models tests/trust tests/runs tests/plots tests/test_cli.py
test-all: CHOSEN :=
test: CHOSEN := -m "not slow"
test test-all: style
	@mkdir -p build; { env/browser.sh; $(BIN)/python -m pytest $(CHOSEN) $(WAITING); } >build/waiting.log 2>&1 & \
	waiting=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(CHOSEN) $(SINGLE) >build/single.log 2>&1 & single=$$!; \
	$(BIN)/mypy >build/types.log 2>&1 & types=$$!; \
	$(BIN)/python -m pytest $(CHOSEN) $(patsubst %,--ignore=%,$(WAITING) $(SINGLE)) 2>&1 | tee build/others.log; \
	others=$${PIPESTATUS[0]}; \
	echo "types:"; wait $$types; typed=$$?; cat build/types.log; \
	echo "$(SINGLE):"; wait $$single; computed=$$?; cat build/single.log; \
	echo "$(WAITING):"; wait $$waiting; seen=$$?; cat build/waiting.log; \
	grep -hE -A8 "^(FAILED|ERROR|Current thread|Fatal)" build/others.log build/single.log build/waiting.log; \
	exit $$((others | seen | computed | typed))

check: style
	$(BIN)/mypy

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: setup
	@$(BIN)/s2v-nb lab $(NOTEBOOK)

audit: setup
	@$(BIN)/python env/audit.py

bench: setup
	$(BIN)/python bench/first_video.py
	$(BIN)/python bench/rhythm.py
	$(BIN)/python bench/chance.py
	$(BIN)/python bench/studio.py
	$(BIN)/python bench/sweep.py
