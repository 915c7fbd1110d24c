# Every target installs its own requirements: `make demo` and `make test-all` work on a bare Debian or Ubuntu.

.PHONY: help setup demo test test-all lint prove stop clean lock messages
.DEFAULT_GOAL := help
PY := .venv/bin/python
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-annotate

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup:  ## prepare this machine for development
	@bin/setup dev

demo:  ## seed a company and serve it; ARGS=--no-serve only seeds, ARGS="--port 9000" serves elsewhere
	@bin/setup runtime
	@exec $(PY) manage.py demo $(ARGS)

test: setup  ## every gate and the quick tests, while you work; PYTEST_ARGS="-k name" chooses tests
	@exec $(PY) -m config.postgres run bin/gates quick

test-all: setup  ## every gate and all tests: the full check, which continuous integration runs
	@exec $(PY) -m config.postgres run bin/gates

lint: setup  ## the same without the tests
	@exec $(PY) -m config.postgres run bin/gates lint

prove: setup  ## benchmarks, faults, planted bugs and mutants, as long as they take; results go to docs/proof/; ARGS="read faults" chooses
	@exec bin/prove $(ARGS)

stop:  ## stop the project's own PostgreSQL
	@[ ! -x $(PY) ] || $(PY) -m config.postgres stop

clean:  ## remove everything that was made here: the database with its data, the virtual environment, caches
	@[ ! -x $(PY) ] || $(PY) -m config.postgres remove
	@rm -rf .data .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: setup  ## resolve the requirements again; needs uv
	@$(LOCK) --upgrade requirements/runtime.in -o requirements/runtime.txt
	@$(LOCK) --upgrade requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt
	@npm install --prefix tests/node --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-fund
	@sed -i -z -E 's/,\s*"funding": (\{[^}]*\}|\[[^]]*\])//g' tests/node/package-lock.json  # names hosts

messages: setup  ## extract the texts to translate into locale/*/LC_MESSAGES/django.po, and compile them
	@$(PY) manage.py makemessages --all --add-location file --no-obsolete --no-wrap --ignore "tests/*" --ignore "clients/*"
	@bin/setup dev
