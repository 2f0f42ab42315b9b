# The commands of the project. `make help` lists them; everything is also a `python -m` command.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
SEED   ?= 1
MINUTES ?= 10
KILLS  ?= 20
EXPERIMENT ?= experiments/quickstart.yaml
LOGS   ?= logs
DIST   ?= dist

.DEFAULT_GOAL := help
.PHONY: help setup run sweep check submission verify leaderboard test fuzz kill lint bench bench-check lock clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: SEED=N CONFIG=FILE DATA=DIR ORG=NAME (run); SYSTEM=NAME ORG=NAME DESCRIPTOR=NAME (submission); BUNDLE=FILE RERUN=SEED (verify)"

setup: $(VENV)/.installed  ## create .venv and install the locked dependencies and the package

# Written last, so that an interrupted installation is done again.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "found Python %d.%d, expected 3.10 or later; pass PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r requirements.lock
	$(RUN) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## run the benchmark (seed 1 on embedded scenes) and check its log
	$(RUN) -m benchmark.run --seed $(SEED) --output $(LOGS) $(if $(CONFIG),--config $(CONFIG)) $(if $(DATA),--data $(DATA)) $(if $(ORG),--set submission.org="$(ORG)")
	$(RUN) -m compliance.check $(LOGS)
	@echo
	@echo "Next: look at $(LOGS)/*/plots, run other seeds (make run SEED=2), then: make submission"

sweep: setup  ## all runs of an experiment on this machine (EXPERIMENT=experiments/quickstart.yaml)
	$(RUN) -m benchmark.sweep submit $(EXPERIMENT)

check: setup  ## check the logs of all runs
	$(RUN) -m compliance.check $(LOGS)

submission: setup  ## package the checked runs into dist/
	$(RUN) -m submission.package --logs $(LOGS) --output $(DIST) $(if $(SYSTEM),--system $(SYSTEM)) $(if $(ORG),--org "$(ORG)") $(if $(DESCRIPTOR),--descriptor $(DESCRIPTOR))

verify: setup  ## check that a bundle is what it says (BUNDLE=dist/NAME.tar.gz, RERUN=SEED)
	$(RUN) -m submission.verify $(BUNDLE) $(if $(RERUN),--rerun $(RERUN))

leaderboard: setup  ## tables over the bundles in dist/
	$(RUN) -m submission.leaderboard $(DIST) --output $(DIST)

test: setup  ## run the tests
	$(RUN) -m pytest -n $(shell nproc) --dist loadfile

fuzz: setup  ## look for input that makes the checker fail (MINUTES=10 SEED=1)
	$(RUN) -m tests.support.fuzz --minutes $(MINUTES) --seed $(SEED)

kill: setup  ## kill a training KILLS=20 times, go on, and compare its bits with one left alone
	$(RUN) -m tests.support.killed_runs --kills $(KILLS) --seed $(SEED)

lint: setup  ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: setup  ## measure this machine and the program on it (PEER='command': beside another program)
	$(RUN) -m benchmark.bench $(if $(PEER),--peer '$(PEER)') $(if $(ONLY),--only $(ONLY))

bench-check: setup  ## measure the checker beside upstream's on a run's log
	$(RUN) -m compliance.bench $(LOGS)/quickstart-seed-$(SEED)/result.txt

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml --output-file requirements.lock

clean:  ## remove what was installed, not what was computed
	rm -rf $(VENV) build *.egg-info
