# `make up` starts everything, `make test` tests everything. What they need they install into .venv and var/ first.
.DEFAULT_GOAL := help
.PHONY: help install install-dev up down reset db db-stop test lint bench bench-import bench-scale faults shots messages lock
PY := .venv/bin/python

help:
	@echo "make up          start Shirase (HOST, PORT, VAR_DIR from the environment)"
	@echo "make down        stop it"
	@echo "make reset       delete all its data, after asking"
	@echo "make test        all tests (TESTS=tests/delivery for some)"
	@echo "make lint        ruff, mypy, import-linter, migrations, translations"
	@echo "make bench       how fast it sends, against smtp-source and openssl on this machine"
	@echo "                 (PARTS=\"speed shares\" for some of knowledge bounces flushes speed shares receivers throttle import listener)"
	@echo "make bench PARTS=adapting  how a receiver that asks us to slow down is served, seven minutes"
	@echo "make bench-scale  a campaign of 1,000,000 over 30,000 domains (PEOPLE=100000 for less)"
	@echo "make bench-import  a CSV of 1,000,000 rows"
	@echo "make faults      kills, restarts and cuts in mid-campaign (SHORT=1, RUNS=5, ROWS=kill, SEED=1)"
	@echo "make shots       pictures of every page, in var/shots"
	@echo "make messages    extract the strings of all pages and programs for translation"
	@echo "make db          start the embedded PostgreSQL alone and leave it running"

install:
	@python3 config/install.py

install-dev:
	@python3 config/install.py dev

up: install
	@exec $(PY) manage.py up

down:
	@test -x $(PY) && $(PY) manage.py down || echo "Nothing is installed here."

reset:
	@test -x $(PY) && $(PY) manage.py reset || echo "Nothing is installed here."

db: install
	@$(PY) manage.py postgres start

db-stop:
	@$(PY) manage.py postgres stop

test: install-dev
	@$(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(PYTEST) $(or $(TESTS),tests)

lint: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PY) manage.py translations --check

bench: install-dev
	@$(PY) -m tests.bench $(PARTS)

bench-import: install-dev
	@$(PY) -m tests.bench.importing

bench-scale: install-dev
	@$(PY) -m tests.bench.scale $(PEOPLE)

faults: install-dev
	@$(PY) -m tests.faults $(ROWS)

shots: install-dev
	@$(PY) -m pytest -m shots tests/browser $(PYTEST)

messages: install
	@$(PY) manage.py translations

# The locks hold versions and hashes, no host: uv's own lock file would name one.
COMPILE := .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q
lock: install-dev
	$(COMPILE) --extra embedded --extra dev -o requirements-dev.txt
	$(COMPILE) -c requirements-dev.txt -o requirements.txt
	$(COMPILE) -c requirements-dev.txt --extra embedded -o requirements-embedded.txt
	$(COMPILE) -c requirements-dev.txt --extra node -o requirements-node.txt
