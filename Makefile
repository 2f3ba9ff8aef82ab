# make         install what a user needs into .venv;  make install-dev  the tools of the tests, the documents and SLURM, too
# make demo    run the embedded example (synthetic driving videos) and print its table
# make test    the whole test suite, including a tiny run of the workflow
# make test-slow  a training step of each of the paper's predictors at full size: 35 s on one core, 5 GB of memory
# make test-slurm  the tiny run through a real SLURM on this machine, as root; needs Debian's slurm-wlm and munge
# make lint    check formatting, style and types;  make format  apply them
# make docs    the documentation as a site: build/docs/index.html
# make config  write config/config.yaml, config/README.md and the config schema again from the code
# make verify  check every file of a run against the record of how it was made: RUN=demo; QUICK=1 trusts the manifests of stores
# make rulegraph  draw docs/images/rulegraph.svg again, after a rule or its inputs changed; needs Graphviz
# make sizes   count the parameters in docs/predictors.md again, after a predictor or its defaults changed
# make report  a run as one page for the browser: RUN=demo; results/demo/report.html
# make plan    estimate what a run will cost, before it is started: CONFIG=config/bdd100k.yaml, VIDEOS=folder or CLIPS="train=70000 val=10000" SECONDS=40
# make explain say in words why each job would run: CONFIG=config/bdd100k.yaml, ARGS="further arguments of snakemake"
# make bench-science  the paper's claims on the synthetic world, three seeds, two hours on two cores: results/bench; GPU=1: larger, for one GPU
# make bench-dashcam  the same table on real footage: VIDEOS=folder; half an hour: results/bench-dashcam
# make bench-torcs  the same table on a racing simulator that nobody here made: VIDEOS=folder; two hours or more: results/bench-torcs
# make roads   train the published world model again, on the synthetic world and TORCS: VIDEOS=folder; an hour: results/weights/roads
# make ablations  what each choice of the paper buys, on a finished run: RUN=bench-science CONFIG=config/bench.yaml GROUP=history (or all): docs/ablations.md
# make bench-data  speed of decoding, stores and reading beside references; VIDEOS=folder adds the codecs; a quarter of an hour
# make bench-neighbour  what a busy process of somebody else costs each training on CPUs; ten minutes, and nothing else may run: docs/runs.md
# make clean   remove caches of the tools; results and .venv stay
#
# Most targets call the command `lamo`, which can do more: .venv/bin/lamo --help

PYTHON ?= python3
CORES ?= 2
RUN ?= demo

BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev
DEMO := config/demo.yaml
SNAKEFILES := Snakefile workflow/Snakefile workflow/rules
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-slow test-slurm lint format docs config verify report plan explain rulegraph sizes
.PHONY: bench-science bench-dashcam bench-torcs roads ablations bench-data bench-neighbour install install-dev clean
.DEFAULT_GOAL := install

# The table is printed below, also when there was nothing left to do.
demo: install
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile $(DEMO)
	@$(BIN)/lamo results results/demo
	@$(BIN)/lamo report results/demo

test: install-dev
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

test-slow: install-dev
	$(BIN)/python -m pytest -m slow

test-slurm: install-dev
	$(BIN)/python -m pytest -n 3 --dist loadfile tests/slurm

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check $(SNAKEFILES)
	$(BIN)/snakemake --lint

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(SNAKEFILES)

docs: install-dev
	$(BIN)/python -m sphinx -q -W --keep-going -c docs -d build/doctrees . build/docs
	@echo build/docs/index.html

config: install
	$(BIN)/lamo config write

verify: install
	@$(BIN)/lamo verify 'results/$(RUN)' $(if $(QUICK),--quick)

rulegraph: install
	$(BIN)/lamo docs rulegraph

sizes: install
	$(BIN)/lamo docs sizes

report: install
	@$(BIN)/lamo report 'results/$(RUN)'

# Starts nothing. CONFIG may be several files, each laid over those before it: CONFIG="config/bench.yaml config/bench-long.yaml".
# JSON=file writes the same for programs, GPU_TFLOPS=990 names another GPU by its peak in bfloat16.
plan: install
	@$(BIN)/lamo plan --config $(or $(CONFIG),$(DEMO)) $(if $(VIDEOS),--videos '$(VIDEOS)') \
	  $(if $(CLIPS),--clips $(CLIPS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(GPU_TFLOPS),--gpu-tflops $(GPU_TFLOPS)) $(if $(JSON),--json '$(JSON)')

# Runs nothing. CONFIG may be several files, as above; they stand last, since they would take a target for one more file.
explain: install
	@$(BIN)/lamo explain --cores $(CORES) $(ARGS) --configfile $(or $(CONFIG),$(DEMO))

# All groups of config/ablations, or one: GROUP=history. Each is a run over the stages of the finished run RUN.
GROUP ?= $(patsubst config/ablations/%.yaml,%,$(wildcard config/ablations/*.yaml))
ablations: install
	failed=; for group in $(GROUP); do \
	  LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile $(or $(CONFIG),$(DEMO)) \
	    config/ablations/$$group.yaml --config run='$(RUN)'-$$group share='{run: $(RUN)}' \
	    || failed="$$failed $$group"; \
	done; test -z "$$failed" || { echo "not finished:$$failed; why stands above" >&2; exit 1; }

# The long run shares the stages up to the predictors, and computes rollouts of eight seconds of its own.
BENCH := bench$(if $(GPU),-gpu)
SCIENCE := results/$(BENCH)-science
PUBLISH := $(BIN)/lamo publish
SCIENCE_PAGE := $(SCIENCE) results/$(BENCH) --command 'make bench-science$(if $(GPU), GPU=1)' --config config/$(BENCH).yaml
LONG_PAGE := $(SCIENCE)-long results/$(BENCH)-long --command 'make bench-science$(if $(GPU), GPU=1)' \
  --config config/$(BENCH).yaml config/bench-long.yaml
bench-science: install
	$(PUBLISH) $(SCIENCE_PAGE) --check
	$(PUBLISH) $(LONG_PAGE) --check
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/$(BENCH).yaml
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/$(BENCH).yaml config/bench-long.yaml \
	  --config run=$(BENCH)-science-long share='{run: $(BENCH)-science}'
	$(PUBLISH) $(SCIENCE_PAGE)
	$(PUBLISH) $(LONG_PAGE)
	$(if $(GPU),,$(BIN)/lamo docs bench)

DASHCAM_PAGE := results/bench-dashcam-science results/bench-dashcam --command 'make bench-dashcam VIDEOS=path/to/videos' \
  --config config/bench-dashcam.yaml
bench-dashcam: install
	$(if $(VIDEOS),,$(error VIDEOS is not set; name the folder of the videos: make bench-dashcam VIDEOS=path/to/videos))
	$(PUBLISH) $(DASHCAM_PAGE) --check
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/bench-dashcam.yaml --config videos='{root: $(VIDEOS)}'
	$(PUBLISH) $(DASHCAM_PAGE)

# The poses of the camera lie beside the videos.
TORCS_PAGE := results/bench-torcs-science results/bench-torcs --command 'make bench-torcs VIDEOS=path/to/torcs' \
  --config config/bench.yaml config/bench-torcs.yaml
bench-torcs: install
	$(if $(VIDEOS),,$(error VIDEOS is not set; name the folder of the videos: make bench-torcs VIDEOS=path/to/torcs))
	$(PUBLISH) $(TORCS_PAGE) --check
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/bench.yaml config/bench-torcs.yaml \
	  --config videos='{root: $(VIDEOS), poses: $(VIDEOS)/poses.csv.gz}'
	$(PUBLISH) $(TORCS_PAGE)

# A run looks into no folder of another one; so the rendered drives are copied out of it.
ROADS := results/weights/roads
DRIVES := results/roads-world-videos
ROADS_PAGE := results/roads $(ROADS)/scores --command 'make roads VIDEOS=path/to/torcs' --config config/roads.yaml
roads: install
	$(if $(VIDEOS),,$(error VIDEOS is not set; name the folder of TORCS videos: make roads VIDEOS=path/to/torcs))
	$(PUBLISH) $(ROADS_PAGE) --check
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/bench.yaml --config run=roads-world --until world_render
	rm -rf $(DRIVES) && cp -r results/roads-world/01_frames/world/videos $(DRIVES)
	LAMO_QUIET=1 $(BIN)/snakemake --cores $(CORES) --configfile config/roads.yaml \
	  --config videos='{root: {forks: $(DRIVES), torcs: $(VIDEOS)}}'
	rm -rf $(ROADS) && cp -r results/roads/model $(ROADS)
	cp results/roads/02_midway/log.parquet $(ROADS)/midway/
	$(PUBLISH) $(ROADS_PAGE)

bench-data: install-dev
	$(BIN)/python -m benchmarks --docs docs/stores.md $(if $(VIDEOS),--videos $(VIDEOS))

bench-neighbour: install-dev
	$(BIN)/python -m benchmarks.neighbour --docs docs/runs.md

install: $(STAMP)

install-dev: $(DEV_STAMP)

# A stamp is written only after everything was installed, so an interrupted installation is taken up again.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,slurm]'
	@touch $@ $(STAMP)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "LaMo needs Python 3.11 or newer; PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
	       "Say which one to use: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv

clean:
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find lamo tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +
