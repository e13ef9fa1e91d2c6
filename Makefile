# Every target sets up what it needs by itself, from pinned and hashed lock files: docs/set-up.md.

# Threads that wait asleep: beside other busy processes, training is 3 to 5 times as fast, and
# alone it is no slower (measured with 2 cores; see docs/adr/0004-waiting-threads-sleep.md).
export OMP_WAIT_POLICY ?= PASSIVE

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALLER ?= uv
IMAGES ?=
LABELS ?=
PRESET ?=
MODEL ?=
RETRAIN ?=
STORE ?=
MIRROR ?=
KEEP_SPLITS ?=
GROUPS ?=
MERGE_CASE ?=

# What is downloaded and unpacked; measured in docs/set-up.md.
RUN_SIZE := 7 GB, some minutes
DEV_SIZE := 0.3 GB

# A value as one word of the shell, whatever is in it: a path may hold an apostrophe or a dollar.
quoted = '$(subst ','\'',$(1))'

.PHONY: help run up compose-up compose-down backup restore check-stack test test-stack bench lint format lock clean

define HELP
Run (the first time, this sets up .venv: $(RUN_SIZE); see docs/set-up.md)
  make run                       a generated sample in, a published model out
  make run IMAGES=folder|url     your photos: one folder for each class
  make run PRESET=fast           a head on a pretrained network alone
  make run MODEL=resnet18        or transfer; both is the default
  make run IMAGES=… MIRROR=1     leave out photos that the folder has no more
  make up                        the API, the web page, Dagster and MLflow
  make run|up STORE=s3           the same on a local S3 server

Containers
  make compose-up [PROFILES="airflow edge"]  the stack; compose-down stops it
  make backup TO=folder                  save what the containers hold
  make restore FROM=folder               into an empty stack
  make check-stack                       start the whole stack and try it

Work on it
  make test | test-stack         the tests; the slow ones, with a real Airflow
  make lint | format             check the code; format it
  make bench                     the measurements in benchmarks/
  make lock                      compile requirements/ from pyproject.toml
  make clean                     remove .venv and all caches of the project
endef
export HELP

help:
	@echo "$$HELP"

run: .venv/running
	@$(BIN)/dandelion run --images $(call quoted,$(IMAGES)) --labels $(call quoted,$(LABELS)) \
		$(if $(PRESET),--preset "$(PRESET)") $(if $(MODEL),--model "$(MODEL)") $(if $(RETRAIN),--retrain) $(if $(STORE),--store "$(STORE)") \
		$(if $(MIRROR),--mirror) $(if $(filter force,$(MIRROR)),--force) \
		$(if $(MERGE_CASE),--merge-case) $(if $(KEEP_SPLITS),--keep-splits) $(if $(GROUPS),--group-pattern $(call quoted,$(GROUPS)))

up: .venv/running
	@exec $(BIN)/dandelion up $(if $(STORE),--store "$(STORE)")

# A thread for each worker: with two, the tiny trainings take 1.5 times the processor time.
test: export OMP_NUM_THREADS ?= 1
# pytest keeps the tests that it has compiled, also where bytecode is not to be written.
test test-stack: export PYTHONDONTWRITEBYTECODE :=
test: .venv/installed
	$(BIN)/pytest --numprocesses=2 --dist=worksteal

test-stack: .venv/installed .venv-airflow/installed
	$(BIN)/pytest -m stack

bench: .venv/installed # all of them, even if one fails
	@failed=; for program in $$(grep --files-with-matches __main__ benchmarks/[!p]*/*.py | sed 's/\.py$$//; s#/#.#g'); do \
		echo "== $$program"; $(BIN)/python -m $$program || failed="$$failed $$program"; done; \
		test -z "$$failed" || { echo "error: these failed:$$failed" >&2; exit 1; }

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One lock file for the work folder and one for each image; none names a package index.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-strip-extras --no-header --no-annotate

lock: .venv/installed
	$(LOCK) --all-extras --output-file requirements/dev.txt
	$(LOCK) $(foreach extra,pipeline serving webapp mlflow s3-server dg,--extra $(extra)) \
		--constraint requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) --extra pipeline --constraint requirements/dev.txt --output-file requirements/dagster.txt
	$(LOCK) --extra serving --constraint requirements/dev.txt --output-file requirements/serving.txt
	$(LOCK) --extra webapp --constraint requirements/dev.txt --output-file requirements/webapp.txt
	$(LOCK) --extra mlflow --constraint requirements/dev.txt --output-file requirements/mlflow.txt
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/airflow.txt
	printf '%s\n' apache-airflow==$(AIRFLOW_VERSION) asyncpg psycopg2-binary "setuptools>=77" | \
		$(LOCK) - --strip-extras --constraint requirements/airflow.txt --output-file requirements/airflow-tests.txt
	for package in uv:"uv>=0.9" build:"setuptools>=77"; do echo "$${package#*:}" | $(subst pyproject.toml,-,$(LOCK)) \
		--constraint requirements/dev.txt --output-file "requirements/$${package%%:*}.txt" || exit 1; done

# Into the virtual environment whose bin folder is given. uv takes less time than pip (docs/set-up.md);
# `INSTALLER=pip` is for an index that answers pip alone.
install = $(if $(filter pip,$(INSTALLER)),$(1)/pip install -qq --disable-pip-version-check,\
	$(BIN)/python requirements/with_pip_settings.py $(BIN)/uv pip install --quiet --python $(1)/python)
# Compiled at once, as pip does: importing the pipeline uncompiled takes 18 s of a processor instead
# of 8, each time where Python may not write bytecode.
install_locked = $(call install,$(1)) $(if $(filter pip,$(INSTALLER)),,--compile-bytecode) --require-hashes
install_ours = $(call install,$(1)) --no-deps --no-build-isolation --editable .

define NO_PYTHON
error: no Python 3.11 with venv was found
   do: install it (Debian 12: apt-get install python3.11-venv; Fedora: dnf install python3.11;
       macOS: brew install python@3.11; anywhere: uv python install 3.11),
       or name it: make PYTHON=/path/to/python3.11
endef
export NO_PYTHON

.venv/made: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(if $(filter pip,$(INSTALLER)),,$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/uv.txt)
	@touch $@

.venv/running: .venv/made requirements/run.txt pyproject.toml
	@echo "Setting up .venv to run: $(RUN_SIZE), once."
	@$(call install_locked,$(BIN)) -r requirements/run.txt
	@$(call install_ours,$(BIN))
	@touch $@

.venv/installed: .venv/running requirements/dev.txt
	@echo "Adding the test tools to .venv: $(DEV_SIZE), once."
	@$(call install_locked,$(BIN)) -r requirements/dev.txt
	@touch $@

COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PROFILES ?=

# Dagster reads Airflow where there is one, and nowhere else.
WITH_AIRFLOW = $(if $(filter airflow,$(PROFILES)),DANDELION_AIRFLOW_URL=http://airflow-api:8080)

compose-up: # make compose-up [PROFILES="airflow edge"]; writes .env with generated secrets if there is none
	@docker/make_env.sh
	$(WITH_AIRFLOW) $(COMPOSE) $(foreach profile,$(PROFILES),--profile $(profile)) up --detach --build

compose-down:
	$(COMPOSE) --profile airflow --profile edge down

backup: # make backup TO=folder; the API goes on answering
	@exec docker/backup.sh save $(call quoted,$(TO))

restore: # make restore FROM=folder; into an empty stack
	@exec docker/backup.sh restore $(call quoted,$(FROM))

check-stack: # make check-stack [CHECKS="chain restarts backup rotation"]; starts the whole stack and tries it
	@$(PYTHON) docker/check_stack.py $(CHECKS)

# Airflow pins what the pipeline does not, so it lives on its own; the DAG needs our base alone.
AIRFLOW := .venv-airflow/bin
AIRFLOW_VERSION := 3.3.2

.venv-airflow/installed: .venv/made requirements/airflow-tests.txt pyproject.toml
	@echo "Setting up .venv-airflow with Airflow $(AIRFLOW_VERSION): half a GB, a minute, once."
	@$(PYTHON) -m venv .venv-airflow
	@$(call install_locked,$(AIRFLOW)) -r requirements/airflow-tests.txt
	@$(call install_ours,$(AIRFLOW))
	@touch $@

clean:
	rm -rf .venv .venv-airflow .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build ./*.egg-info
