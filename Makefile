# Two commands from a bare clone: `make demo` and `make test`. Everything they install stays in .venv.

PORT    ?= 8000
CROWD   ?= 0
WORKERS ?= auto
UPGRADE ?=
PYTHON  ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

LOCALE  ?= vote/locale
SAID    := Sentence Invalid WrongCode Unknown Forbidden Conflict Expired Unavailable _refuse _require:2

BIN     := .venv/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
CHECKED := vote tests bench alembic

.PHONY: help demo test quick abilities format pictures social lighthouse bench fraud faults cluster scan overload image mutants lock sbom words clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: .venv/.runtime ## serve the demo on PORT (8000); CROWD=500 sends simulated voters
	@# The crowd leaves when the process that serves is gone, whatever ended it.
	@if [ $(CROWD) -gt 0 ]; then \
	    ( $(BIN)/python bench/crowd.py --voters $(CROWD) --site http://127.0.0.1:$(PORT) & crowd=$$!; \
	      while kill -0 $$$$ 2>/dev/null; do sleep 0.5; done; kill $$crowd 2>/dev/null ) & \
	fi; \
	exec $(BIN)/vote demo --port $(PORT)

test: .venv/.checks ## every check and every test
	@echo "— format";    $(BIN)/ruff format --check --quiet .
	@echo "— lint";      $(BIN)/ruff check --quiet .
	@echo "— types";     $(BIN)/mypy $(CHECKED)
	@echo "— imports";   $(BIN)/lint-imports --no-logo
	@echo "— templates"; $(BIN)/djlint --check --lint templates
	@echo "— tests";     $(BIN)/python -m pytest -q -n $(WORKERS) --ignore tests/browser --cov --cov-report=term
	@echo "— browser";   $(BIN)/python -m pytest -q -n $(WORKERS) tests/browser

quick: .venv/.checks ## the tests alone, until the first that fails
	@$(BIN)/python -m pytest -q -x

abilities: .venv/.checks ## axe on every page and state: both languages, with and without scripts, five widths, light and dark
	@$(BIN)/python -m pytest -q -m thorough -n $(WORKERS) tests/browser

format: .venv/.checks ## put code and templates in their form
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djlint --quiet --reformat templates

pictures: .venv/.checks ## pictures of every page and state, into pictures/
	@$(BIN)/python bench/pictures.py

lighthouse: .venv/.checks ## Lighthouse, as a telephone, on home, receipt and results; needs node and npm
	@$(BIN)/python bench/lighthouse.py

social: .venv/.checks ## the pictures that stand for pages where they are shared, into static/
	@$(BIN)/python bench/social.py

bench: .venv/.checks ## measure speed against its baselines, into bench/RESULTS.md; QUICK=1 in three minutes
	@$(BIN)/python bench/speed.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

fraud: .venv/.checks ## simulate 20 contests under every attack, write bench/FRAUD.md; QUICK=1 a glance
	@PYTHONPATH=bench $(BIN)/python -m fraud $(if $(QUICK),--quick,--write)

faults: .venv/.checks ## break everything as people vote, write bench/FAULTS.md; ROUNDS=110 on each database; QUICK=1 a glance
	@PYTHONPATH=bench:tests $(BIN)/python -m faults $(if $(QUICK),--rounds 8,--write) $(if $(ROUNDS),--rounds $(ROUNDS))

cluster: .venv/.checks ## break the production layout as people vote, write bench/CLUSTER.md; ROUNDS=4 of each kind; QUICK=1 a glance
	@PYTHONPATH=bench:tests $(BIN)/python -m cluster $(if $(QUICK),--rounds 1,--write) $(if $(ROUNDS),--rounds $(ROUNDS))

scan: .venv/.checks ## wapiti and sqlmap on every address as people vote, two million tokens: bench/SCANS.md; LEVEL=5 SECONDS=300 go deeper; QUICK=1 in two minutes
	@[ -d .venv/wapiti ] || $(INSTALL) --no-warn-conflicts --target .venv/wapiti wapiti3==3.2.3
	@PYTHONPATH=bench:tests $(BIN)/python -m scan $(if $(QUICK),--quick) $(if $(LEVEL),--level $(LEVEL)) $(if $(SECONDS),--seconds $(SECONDS))

overload: .venv/.checks ## offer four times what one web process can serve, write bench/OVERLOAD.md; QUICK=1 in half a minute
	@$(BIN)/python bench/overload.py $(if $(QUICK),--quick)

image: .venv/.runtime ## build the image and vote in it, write bench/IMAGE.md; TOLD="--debian --engine podman …" (bench/image.py --help)
	@$(BIN)/python bench/image.py $(TOLD)

mutants: .venv/.checks ## change the rules in one place at a time, see what tests notice, write bench/MUTANTS.md; AGAIN=1 who lives
	@$(BIN)/python bench/mutation.py $(if $(AGAIN),--again)

lock: .venv/.runtime ## remake the locks from pyproject.toml; UPGRADE=1 takes newer versions
	@$(INSTALL) uv==0.13.9
	@for lock in "requirements.txt" ".ci/requirements.txt --extra test --constraint requirements.txt"; do \
	    $(BIN)/uv pip compile --quiet pyproject.toml $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 \
	        --generate-hashes --no-emit-index-url --no-header --output-file $$lock || exit; done

words: .venv/.checks ## find what is to be said in each language, and compile what was translated
	@$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml $(SAID:%=--keyword %) --omit-header \
	    --add-location file --sort-by-file --output $(LOCALE)/vote.pot .
	@$(BIN)/pybabel --quiet update --domain vote --input-file $(LOCALE)/vote.pot --output-dir $(LOCALE) \
	    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120
	@$(BIN)/pybabel --quiet compile --domain vote --directory $(LOCALE)
	@rm $(LOCALE)/vote.pot

sbom: .venv/.runtime ## the software bill of materials of requirements.txt (CycloneDX), into sbom.cdx.json
	@$(INSTALL) --target .venv/sbom cyclonedx-bom==7.5.0
	@PYTHONPATH=.venv/sbom $(BIN)/python -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
	    --output-reproducible --output-file sbom.cdx.json

clean: ## remove .venv and what the checks left; var/ and its votes stay
	rm -rf .venv mutants .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* htmlcov *.egg-info

.venv/.runtime: requirements.txt pyproject.toml
	@echo "Installing the application in .venv (under a minute, this time only)…"
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@# Debian ships venv without its pip; the pip beside it then lends a hand.
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv >/dev/null 2>&1 || { $(PYTHON) -m venv --clear --without-pip .venv \
	    && $(PYTHON) -m pip --python $(BIN)/python install -qq --disable-pip-version-check pip; }
	@# The locks name everything: resolving anew would let an older pip look past them, at newer versions.
	@$(INSTALL) --no-deps --require-hashes -r requirements.txt
	@$(INSTALL) --no-deps -e .
	@touch $@

.venv/.checks: .venv/.runtime .ci/requirements.txt
	@echo "Installing the checks in .venv (about a minute, this time only)…"
	@$(INSTALL) --no-deps --require-hashes -r .ci/requirements.txt
	@touch $@
