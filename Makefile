# Every target sets up .venv by itself, from the pinned and hashed lock file.

# Threads that wait asleep: beside other busy processes, training is 3 to 5 times as fast, and
# alone it is no slower (measured with 2 cores; see docs/adr/0004-waiting-threads-sleep.md).
export OMP_WAIT_POLICY ?= PASSIVE

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
IMAGES ?=
LABELS ?=
PRESET ?=
RETRAIN ?=
STORE ?=
MIRROR ?=
KEEP_SPLITS ?=
GROUPS ?=
MERGE_CASE ?=

# A value as one word of the shell, whatever is in it: a path may hold an apostrophe or a dollar.
quoted = '$(subst ','\'',$(1))'

.PHONY: help run up compose-up compose-down backup restore check-stack test test-stack bench lint format lock clean

help:
	@echo "make run [IMAGES=folder|url] [PRESET=fast|best]   photos in, a published model out"
	@echo "make run IMAGES=… MIRROR=1                        and leave out what the folder holds no more"
	@echo "make up                                           the API, the page, Dagster and MLflow"
	@echo "make run STORE=s3, make up STORE=s3               the same on an S3 server of their own"
	@echo "make compose-up [PROFILES=airflow]                the whole stack in containers"
	@echo "make backup TO=folder, make restore FROM=folder   all that the containers hold"
	@echo "make test | test-stack | lint | bench | format | lock"

run: .venv/installed
	@$(BIN)/dandelion run --images $(call quoted,$(IMAGES)) --labels $(call quoted,$(LABELS)) \
		$(if $(PRESET),--preset "$(PRESET)") $(if $(RETRAIN),--retrain) $(if $(STORE),--store "$(STORE)") \
		$(if $(MIRROR),--mirror) $(if $(filter force,$(MIRROR)),--force) \
		$(if $(MERGE_CASE),--merge-case) $(if $(KEEP_SPLITS),--keep-splits) $(if $(GROUPS),--group-pattern $(call quoted,$(GROUPS)))

up: .venv/installed
	@exec $(BIN)/dandelion up $(if $(STORE),--store "$(STORE)")

test: .venv/installed
	$(BIN)/pytest --numprocesses=2

test-stack: .venv/installed .venv-airflow/installed
	$(BIN)/pytest -m stack

bench: .venv/installed
	@for program in $$(grep --files-with-matches __main__ benchmarks/[!p]*/*.py | sed 's/\.py$$//; s#/#.#g'); do \
		echo "== $$program"; $(BIN)/python -m $$program || exit 1; done

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
	$(LOCK) --extra pipeline --constraint requirements/dev.txt --output-file requirements/dagster.txt
	$(LOCK) --extra serving --constraint requirements/dev.txt --output-file requirements/serving.txt
	$(LOCK) --extra webapp --constraint requirements/dev.txt --output-file requirements/webapp.txt
	$(LOCK) --extra mlflow --constraint requirements/dev.txt --output-file requirements/mlflow.txt
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/airflow.txt
	printf '%s\n' apache-airflow==$(AIRFLOW_VERSION) asyncpg psycopg2-binary "setuptools>=77" | \
		$(LOCK) - --strip-extras --constraint requirements/airflow.txt --output-file requirements/airflow-tests.txt
	echo "setuptools>=77" | $(subst pyproject.toml,-,$(LOCK)) --constraint requirements/dev.txt --output-file requirements/build.txt

.venv/installed: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 with venv was found"; \
		echo "   do: install it (Debian: apt-get install python3.11-venv), or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv: some 6 GB, a few minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PROFILES ?=

compose-up: # make compose-up [PROFILES=airflow]; writes .env with generated secrets if there is none
	@docker/make_env.sh
	$(COMPOSE) $(foreach profile,$(PROFILES),--profile $(profile)) up --detach --build

compose-down:
	$(COMPOSE) --profile airflow down

backup: # make backup TO=folder; the API goes on answering
	@docker/backup.sh save "$(TO)"

restore: # make restore FROM=folder; into an empty stack
	@docker/backup.sh restore "$(FROM)"

check-stack: # make check-stack [CHECKS="chain restarts backup rotation"]; starts the whole stack and tries it
	@$(PYTHON) docker/check_stack.py $(CHECKS)

# Airflow pins what the pipeline does not, so it lives on its own; the DAG needs our base alone.
AIRFLOW := .venv-airflow/bin
AIRFLOW_VERSION := 3.3.2

.venv-airflow/installed: requirements/airflow-tests.txt pyproject.toml
	@echo "Setting up .venv-airflow with Airflow $(AIRFLOW_VERSION): a minute, once."
	@$(PYTHON) -m venv .venv-airflow
	@$(AIRFLOW)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/airflow-tests.txt
	@$(AIRFLOW)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf .venv .venv-airflow .mypy_cache .ruff_cache .pytest_cache .hypothesis build ./*.egg-info
