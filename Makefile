# The commands of the project. `make help` lists them; everything is also a `python -m` command.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
SEED   ?= 1
MINUTES ?= 10
KILLS  ?= 20
EXPERIMENT ?= quickstart
LOGS   ?= logs
DIST   ?= dist
# The tests start the program hundreds of times, so it is compiled once, whatever the environment says.
TEST    = env -u PYTHONDONTWRITEBYTECODE $(RUN) -m pytest -n $(shell nproc) --dist loadfile --no-loadscope-reorder
KEPT    = $(if $(JSON),--json $(JSON)) $(if $(BASE),--base $(BASE))

.DEFAULT_GOAL := help
.PHONY: help setup run sweep check submission verify leaderboard test test-fast fuzz kill every-method table1 docs lint bench bench-check lock clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: SEED=N METHOD=NAME CONFIG=FILE DATA=DIR ORG=NAME (run); SYSTEM=NAME ORG=NAME DESCRIPTOR=NAME (submission); BUNDLE=FILE RESCORE=SEED RERUN=SEED (verify)"

setup: $(VENV)/.installed $(if $(CUDA),$(VENV)/.installed-cuda)  ## create .venv with the locked dependencies and the package (CUDA=1: for NVIDIA GPUs)

# Written last, so that an interrupted installation is repeated.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "found Python %d.%d, expected 3.10 or later; pass PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r requirements.lock
	$(RUN) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-cuda: requirements-cuda.lock $(VENV)/.installed
	$(RUN) -m pip install --disable-pip-version-check --quiet --progress-bar on --no-deps --require-hashes -r requirements-cuda.lock
	@touch $@

run: setup  ## run the benchmark (seed 1 on embedded scenes) and check its log
	$(RUN) -m benchmark.run --seed $(SEED) --output $(LOGS) $(if $(METHOD),--method $(METHOD)) $(if $(CONFIG),--config $(CONFIG)) $(if $(DATA),--data $(DATA)) $(if $(ORG),--set submission.org="$(ORG)")
	$(RUN) -m compliance.check $(LOGS)
	@echo
	@echo "Next: look at $(LOGS)/*/plots, run other seeds (make run SEED=2), then: make submission"

sweep: setup  ## run an experiment on this machine (EXPERIMENT=quickstart)
	$(RUN) -m benchmark.sweep submit $(EXPERIMENT)

check: setup  ## check the logs of all runs
	$(RUN) -m compliance.check $(LOGS)

submission: setup  ## package the checked runs into dist/
	$(RUN) -m submission.package --logs $(LOGS) --output $(DIST) $(if $(SYSTEM),--system $(SYSTEM)) $(if $(ORG),--org "$(ORG)") $(if $(DESCRIPTOR),--descriptor $(DESCRIPTOR))

verify: setup  ## verify a bundle (BUNDLE=dist/NAME.tar.gz, RESCORE=SEED or all, RERUN=SEED)
	$(RUN) -m submission.verify $(BUNDLE) $(if $(RESCORE),--rescore $(RESCORE)) $(if $(RERUN),--rerun $(RERUN))

leaderboard: setup  ## write tables over the bundles in dist/
	$(RUN) -m submission.leaderboard $(DIST) --output $(DIST)

table1: setup  ## run every method on small synthetic scenes and compare them (under an hour)
	$(RUN) -m benchmark.sweep submit methods-small
	$(RUN) -m benchmark.comparison $(LOGS)/methods-small --output $(DIST)

test: setup  ## run all tests
	$(TEST)

test-fast: setup  ## run the tests that are not slow, about a minute
	$(TEST) -m "not slow"

docs: setup  ## write the generated pages again and build the documentation into site/
	$(RUN) -m tests.support.documents.generated
	$(VENV)/bin/zensical build --clean --strict
	@echo "open site/index.html"

fuzz: setup  ## look for input that makes the checker fail (MINUTES=10 SEED=1)
	$(RUN) -m tests.support.fuzz --minutes $(MINUTES) --seed $(SEED)

kill: setup  ## kill and resume a training (KILLS=20 times, METHOD=NAME), compare it bit for bit with an uninterrupted one
	$(RUN) -m tests.support.killed_runs --kills $(KILLS) --seed $(SEED) $(if $(METHOD),--method $(METHOD))

every-method: setup  ## run, check, package, verify, kill and resume every method (METHOD=A,B; a quarter of an hour)
	$(RUN) -m tests.support.every_method $(if $(METHOD),--methods $(METHOD))

lint: setup  ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: setup  ## measure this machine and the program (PEER='command {data}': against another program; JSON=FILE: keep the figures; BASE=FILE: compare with them)
	$(RUN) -m benchmark.bench $(if $(PEER),--peer '$(PEER)') $(if $(ONLY),--only $(ONLY)) $(KEPT)

bench-check: setup  ## measure the checker against upstream's on the log of a run (SIZES='1 30 300': MB; JSON=FILE, BASE=FILE)
	$(RUN) -m compliance.bench $(LOGS)/quickstart-seed-$(SEED)/result.txt $(if $(SIZES),--sizes $(SIZES)) $(KEPT)

lock:  ## resolve the dependencies again (needs uv)
	uv pip compile --no-strip-extras --universal --python-version 3.10 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml --output-file requirements.lock
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra cuda --constraint requirements.lock pyproject.toml | awk '/^[a-z]/ {keep = /^nvidia-/ && !/^nvidia-ml-py/} keep' > requirements-cuda.lock

clean:  ## remove what was installed; keeps runs and data
	rm -rf $(VENV) build site .cache *.egg-info
