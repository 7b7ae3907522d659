# Two commands for everybody: make run, make test. Both set up what is missing.
.NOTPARALLEL:
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
PARTS := libs/seccam services/camera services/monitor services/security functions/ifttt_notifier local
CODE  := libs services functions local observability tests bench docs
# the demo camera's, cut out of photos that scikit-image and matplotlib carry
PICTURES := services/camera/src/seccam_camera/pictures/room.png

.PHONY: help
help: ## what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# none where another broker is named
PRIVATE_BROKER := $(if $(strip $(value SECCAM_BROKER_URL)),,rabbitmq)
.PHONY: run
run: $(PRIVATE_BROKER) $(VENV)/run $(PICTURES) ## seccam on this machine, until Ctrl-C; settings from the environment (seccam-local --help)
	@exec $(BIN)/seccam-local

.PHONY: setup
setup: rabbitmq test-tools $(VENV)/dev $(PICTURES) ## all that run, test and lint need

# processes that share the tests; 0: none but pytest's own
WORKERS ?= auto
.PHONY: test
test: setup ## run the tests that need no cluster and take no minutes; TESTS=tests/unit: only these
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow and not images" $(TESTS)

.PHONY: test-slow
test-slow: setup ## the tests that take minutes
	$(BIN)/pytest -m slow $(TESTS)

.PHONY: test-chart
test-chart: $(VENV)/dev ## the chart's tests: need helm, and for some of them the cluster that KUBECONFIG names
	$(BIN)/pytest $(or $(TESTS),tests/chart)

.PHONY: test-e2e
test-e2e: setup ## the tests on the cluster that KUBECONFIG names, which has the images already; about 20 minutes
	$(BIN)/pytest --timeout 600 $(or $(TESTS),tests/e2e)

.PHONY: e2e-image
e2e-image: ## the image of what these tests run beside seccam
	docker build -q -t ghcr.io/seccam/tests:$(VERSION) -f tests/e2e/Dockerfile tests

.PHONY: kind-up kind-down
kind-up: ## a cluster in docker with seccam on it, from this checkout: http://localhost:8080
	@scripts/kind-up $(VERSION)
kind-down: ## remove that cluster
	kind delete cluster --name seccam

.PHONY: lint
lint: $(VENV)/dev ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

.PHONY: bench
bench: setup ## the benchmarks, into docs/benchmarks.md
	scripts/install-idle motion motion.service
	$(BIN)/python -m bench

.PHONY: docs
docs: $(VENV)/dev ## the reference pages and dashboards that are made from the code
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/chart_values.py
	$(BIN)/python observability/dashboards.py

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package seccam \
	--no-annotate --no-header
SERVICES := camera monitor security
.PHONY: lock
lock: $(VENV)/dev ## resolve what is new into requirements/*.txt, with hashes; UPGRADE=--upgrade: everything anew
	$(BIN)/$(LOCK) $(UPGRADE) $(PARTS:%=%/pyproject.toml) requirements/run.in -o requirements/run.txt
	$(BIN)/$(LOCK) $(UPGRADE) -c requirements/run.txt $(PARTS:%=%/pyproject.toml) requirements/dev.in -o requirements/dev.txt
	@# of the images: parts of the above, in the same versions
	for part in build pictures; do $(BIN)/$(LOCK) -c requirements/run.txt requirements/$$part.in -o requirements/$$part.txt || exit; done
	for service in $(SERVICES); do $(BIN)/$(LOCK) -c requirements/run.txt services/$$service/pyproject.toml requirements/lib.in \
		-o requirements/$$service.txt || exit; done
	$(BIN)/$(LOCK) -c requirements/run.txt functions/ifttt_notifier/pyproject.toml requirements/lib.in -o requirements/notifier.txt

# names are <IMAGE_PREFIX><component>:<IMAGE_TAG>; of another base image: BASE_IMAGE, NOTIFIER_BASE_IMAGE, NUCLIO_IMAGE
VERSION      := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' libs/seccam/src/seccam/version.py)
REVISION     := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
IMAGE_PREFIX ?= ghcr.io/seccam/
IMAGE_TAG    ?= $(VERSION)
IMAGES       := $(SERVICES) notifier
arg           = $(if $($1),--build-arg $(or $2,$1)=$($1))
build         = DOCKER_BUILDKIT=1 docker build $(call arg,VERSION) $(call arg,REVISION) $(DOCKER_BUILD_OPTIONS)

.PHONY: version
version: ## seccam's version, which is the images' tag
	@echo $(VERSION)

.PHONY: images image-nuclio $(IMAGES:%=image-%)
images: $(IMAGES:%=image-%) ## the container images of camera, monitor, security and notifier
$(SERVICES:%=image-%): image-%:
	$(build) $(call arg,BASE_IMAGE) -f Dockerfiles/$*.Dockerfile -t $(IMAGE_PREFIX)$*:$(IMAGE_TAG) .
image-notifier:
	$(build) $(call arg,NOTIFIER_BASE_IMAGE,BASE_IMAGE) -f Dockerfiles/notifier.Dockerfile -t $(IMAGE_PREFIX)notifier:$(IMAGE_TAG) .
image-nuclio: ## the notifier's image for Nuclio's processor
	$(build) $(call arg,NOTIFIER_BASE_IMAGE,BASE_IMAGE) $(call arg,NUCLIO_IMAGE) --target nuclio -f Dockerfiles/notifier.Dockerfile \
		-t $(IMAGE_PREFIX)notifier-nuclio:$(IMAGE_TAG) .

.PHONY: test-images
test-images: $(VENV)/dev images ## the tests of the images, on the docker engine that has built them
	$(BIN)/pytest $(or $(TESTS),tests/images)

.PHONY: clean
clean: ## remove what setup, run and test have made, the broker's data too; not the system's packages
	rm -rf $(VENV) $(VENV).lock .seccam .*_cache .hypothesis .coverage* tests/artifacts $(dir $(PICTURES))

.PHONY: rabbitmq test-tools
rabbitmq:
	@scripts/install-rabbitmq
test-tools:
	@scripts/install-test-tools

# one that no longer works is as good as none
$(shell scripts/venv-is-sound || rm -f $(VENV)/run $(VENV)/dev)

$(VENV)/run: requirements/run.txt $(PARTS:%=%/pyproject.toml)
	@scripts/setup-venv requirements/run.txt $(PARTS)
	@touch $@

$(VENV)/dev: requirements/dev.txt $(PARTS:%=%/pyproject.toml)
	@scripts/setup-venv requirements/dev.txt $(PARTS)
	@touch $@ $(VENV)/run

$(PICTURES): services/camera/cut_demo_pictures.py | $(VENV)/run
	$(BIN)/python $<
