# `make run` and `make test` install what is missing. `make` lists the targets.
.NOTPARALLEL:
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
PARTS := libs/seccam services/camera services/monitor services/security functions/ifttt_notifier local
CODE  := libs services functions local observability supply tests bench docs
# of the demo camera, cut out of photos that come with scikit-image and matplotlib
PICTURES := services/camera/src/seccam_camera/pictures/room.png

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# not needed where the environment names another broker
PRIVATE_BROKER := $(if $(strip $(value SECCAM_BROKER_URL)$(value SECCAM_BROKER_URL_FILE)),,rabbitmq)
.PHONY: run
run: $(PRIVATE_BROKER) $(VENV)/run $(PICTURES) ## run seccam on this machine until Ctrl-C; settings come from the environment
	@exec $(BIN)/seccam-local

.PHONY: setup
setup: rabbitmq test-tools $(VENV)/dev $(PICTURES) ## install everything that run, test and lint need

# number of test processes; 0 runs the tests in one, without pytest-xdist
WORKERS ?= auto
.PHONY: test
test: setup ## run the tests, except those of images, chart and cluster; some: TESTS=tests/unit
	@# 5: no test of this kind is among TESTS
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow and not images and not alone and not faults and not attack" $(TESTS); shared=$$?; \
	[ $$shared -eq 0 ] || [ $$shared -eq 5 ] || exit $$shared; \
	$(BIN)/pytest -m "alone and not slow and not faults and not attack" $(TESTS); alone=$$?; \
	[ $$alone -eq 0 ] || { [ $$alone -eq 5 ] && [ $$shared -eq 0 ]; } || exit $$alone

# seconds for each parser; SEED=… repeats a run
SECONDS_EACH ?= 600
.PHONY: fuzz
fuzz: setup ## feed hostile bytes to every parser and write docs/fuzzing.md; 70 minutes, or SECONDS_EACH=10
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS_EACH) $(if $(SEED),--seed $(SEED))

.PHONY: test-slow
test-slow: setup ## run the tests that take minutes
	$(BIN)/pytest -m "slow and not faults and not attack" $(TESTS)

.PHONY: test-faults test-faults-short
test-faults: setup ## inject faults under load and write docs/reliability.md; 45 minutes
	rm -rf tests/artifacts/faults
	@$(BIN)/pytest -n 2 -m faults $(or $(TESTS),tests/faults); status=$$?; $(BIN)/python -m tests.faults.page $(if $(TESTS),--keep); exit $$status
test-faults-short: setup ## inject some of these faults; 7 minutes
	$(BIN)/pytest -n 2 -m "faults and not slow" $(or $(TESTS),tests/faults)

# how long; SEED=… repeats an earlier run
SECONDS ?= 3600
.PHONY: soak
soak: setup ## inject random faults for an hour, or SECONDS=300, and write docs/reliability.md
	$(BIN)/python -m tests.faults.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: test-attack test-attack-short
test-attack: setup ## attack a running seccam with hostile clients, users and certificates, and look for its secrets; 10 minutes
	$(BIN)/pytest -n 2 --dist loadfile -m attack $(or $(TESTS),tests/attack)
test-attack-short: setup ## some of these attacks; 3 minutes
	$(BIN)/pytest -n 2 --dist loadfile -m "attack and not slow" $(or $(TESTS),tests/attack)

.PHONY: simulate
simulate: setup ## simulate a thousand days of visits and faults and write them into docs/reliability.md; some: SEEDS=100
	$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS))

.PHONY: test-chart
test-chart: $(VENV)/dev ## run the tests of the chart; needs Helm, and for some tests a cluster in KUBECONFIG
	$(BIN)/pytest $(or $(TESTS),tests/chart)

.PHONY: test-e2e
test-e2e: setup ## run the tests on the cluster in KUBECONFIG, which must have the images; 20 minutes
	$(BIN)/pytest --timeout 600 $(or $(TESTS),tests/e2e)

.PHONY: e2e-image
e2e-image: ## build the image of the programs that the cluster tests need
	docker build -q -t ghcr.io/seccam/tests:$(VERSION) -f tests/e2e/Dockerfile tests

.PHONY: kind-up kind-down
kind-up: ## create or update a kind cluster with this seccam on it: http://localhost:8080
	@scripts/kind-up $(VERSION)
kind-down: ## delete that cluster
	kind delete cluster --name seccam

.PHONY: lint
lint: $(VENV)/dev ## run ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

.PHONY: bench
bench: setup ## run the benchmarks and write docs/benchmarks.md
	scripts/install-idle motion motion.service
	$(BIN)/python -m bench

.PHONY: bench-load
bench-load: setup ## measure how many cameras, viewers and workers one machine holds and write docs/load.md; 10 minutes
	$(BIN)/python -m bench.load

.PHONY: docs
docs: $(VENV)/dev ## generate the reference pages and dashboards from the code
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/chart_values.py
	$(BIN)/python observability/dashboards.py

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package seccam \
	--no-annotate --no-header
SERVICES := camera monitor security
.PHONY: lock
lock: $(VENV)/dev ## lock new dependencies in requirements/*.txt; all: UPGRADE=--upgrade
	$(BIN)/$(LOCK) $(UPGRADE) $(PARTS:%=%/pyproject.toml) requirements/run.in -o requirements/run.txt
	$(BIN)/$(LOCK) $(UPGRADE) -c requirements/run.txt $(PARTS:%=%/pyproject.toml) requirements/dev.in -o requirements/dev.txt
	@# for the images: subsets of the above, in the same versions
	for part in build pictures; do $(BIN)/$(LOCK) -c requirements/run.txt requirements/$$part.in -o requirements/$$part.txt || exit; done
	for service in $(SERVICES); do $(BIN)/$(LOCK) -c requirements/run.txt services/$$service/pyproject.toml requirements/lib.in \
		-o requirements/$$service.txt || exit; done
	$(BIN)/$(LOCK) -c requirements/run.txt functions/ifttt_notifier/pyproject.toml requirements/lib.in -o requirements/notifier.txt
	$(BIN)/$(LOCK) -c requirements/dev.txt --extra apprise functions/ifttt_notifier/pyproject.toml requirements/lib.in \
		-o requirements/notifier-apprise.txt

# images are named <IMAGE_PREFIX><component>:<IMAGE_TAG>; BASE_IMAGE, NOTIFIER_BASE_IMAGE and NUCLIO_IMAGE set other base images;
# NOTIFIER_EXTRAS=apprise adds Apprise to the notifier
VERSION      := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' libs/seccam/src/seccam/version.py)
REVISION     := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
IMAGE_PREFIX ?= ghcr.io/seccam/
IMAGE_TAG    ?= $(VERSION)
IMAGES       := $(SERVICES) notifier
arg           = $(if $($1),--build-arg $(or $2,$1)=$($1))
build         = DOCKER_BUILDKIT=1 docker build $(call arg,VERSION) $(call arg,REVISION) $(DOCKER_BUILD_OPTIONS)

.PHONY: version
version: ## print the version, which is also the tag of the images
	@echo $(VERSION)

.PHONY: images image-nuclio $(IMAGES:%=image-%)
images: $(IMAGES:%=image-%) ## build the images of camera, monitor, security and notifier
$(SERVICES:%=image-%): image-%:
	$(build) $(call arg,BASE_IMAGE) -f Dockerfiles/$*.Dockerfile -t $(IMAGE_PREFIX)$*:$(IMAGE_TAG) .
image-notifier:
	$(build) $(call arg,NOTIFIER_BASE_IMAGE,BASE_IMAGE) $(call arg,NOTIFIER_EXTRAS,EXTRAS) -f Dockerfiles/notifier.Dockerfile \
		-t $(IMAGE_PREFIX)notifier:$(IMAGE_TAG) .
image-nuclio: ## build the image of the notifier for Nuclio
	$(build) $(call arg,NOTIFIER_BASE_IMAGE,BASE_IMAGE) $(call arg,NUCLIO_IMAGE) $(call arg,NOTIFIER_EXTRAS,EXTRAS) --target nuclio -f Dockerfiles/notifier.Dockerfile \
		-t $(IMAGE_PREFIX)notifier-nuclio:$(IMAGE_TAG) .

.PHONY: test-images
test-images: $(VENV)/dev images ## build the images and run their tests, and those of compose.yaml
	$(BIN)/pytest $(or $(TESTS),tests/images)

.PHONY: sbom
sbom: $(VENV)/dev ## write an SBOM of each image and of the complete lock into dist/
	$(BIN)/python -m supply.sbom dist

.PHONY: audit
audit: $(VENV)/dev ## look for known vulnerabilities of the locked packages in DATA, a file of OSV
	@[ -f "$(DATA)" ] || { echo "DATA=$(DATA): no such file. docs/images.md says where it comes from." >&2; exit 2; }
	@$(BIN)/python -m supply.audit "$(DATA)" requirements/*.txt tests/e2e/requirements.txt

RELEASE_IMAGES ?= $(IMAGES) notifier-nuclio
release: override IMAGE_TAG := $(VERSION)
.PHONY: release release-check
release-check:
	@scripts/release-check $(VERSION)
release: release-check $(VENV)/dev $(PICTURES) $(addprefix image-,$(RELEASE_IMAGES:notifier-nuclio=nuclio)) ## build wheels, images, chart, SBOMs and checksums into dist/
	@scripts/release dist $(VERSION) "$(IMAGE_PREFIX)" "$(RELEASE_IMAGES)" $(PARTS)

.PHONY: clean
clean: ## delete what setup, run and test created, including the data of the broker
	rm -rf $(VENV) $(VENV).lock .seccam dist .*_cache .hypothesis .coverage* tests/artifacts $(dir $(PICTURES))

.PHONY: rabbitmq test-tools
rabbitmq:
	@scripts/install-rabbitmq
test-tools:
	@scripts/install-test-tools

# an environment that no longer works is created again
$(shell scripts/venv-is-sound || rm -f $(VENV)/run $(VENV)/dev)

$(VENV)/run: requirements/run.txt $(PARTS:%=%/pyproject.toml)
	@scripts/setup-venv requirements/run.txt $(PARTS)
	@touch $@

$(VENV)/dev: requirements/dev.txt $(PARTS:%=%/pyproject.toml)
	@scripts/setup-venv requirements/dev.txt $(PARTS)
	@touch $@ $(VENV)/run

$(PICTURES): services/camera/cut_demo_pictures.py | $(VENV)/run
	$(BIN)/python $<
