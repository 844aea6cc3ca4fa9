# Each target makes what it needs in .venv, from nothing but Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# A worker of pytest-xdist needs up to 4 GB: its servers run on TensorFlow, too. Two leave the cores idle for 16% of the time,
# in which tests wait for what they started, and three for 9%.
PYTEST := $(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: serve check test train bench image audit lock protos clean

serve: $(VENV)/.serving
	$(RUN) -m service

test: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTEST) --cov

# What starts no server, command, browser or container, and takes no long fit.
check: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTEST) -q -m "not slow and not processes"

train: $(VENV)/.training
	$(RUN) -m training

# The service beside what could be used instead; needs wrk.
bench: $(VENV)/.test
	$(RUN) -m tests.benchmarks.comparison

# All images, labelled with the commit that they are built from.
image:
	for target in serving:mnist-service ray:mnist-ray training:mnist-training; do \
	    docker build --target $${target%:*} -t $${target#*:} \
	        --label org.opencontainers.image.revision=$$(git describe --always --abbrev=40 --dirty) \
	        --label org.opencontainers.image.created=$$(git log -1 --format=%cI) . || exit; \
	done

# What vulnerabilities of the locked packages are known; an error, too, where the network has no record of them.
audit: $(VENV)/.test
	for file in deploy/requirements-*.txt; do $(VENV)/bin/pip-audit --strict --disable-pip --require-hashes -r $$file || exit; done

# What is installed here and in the images, with hashes. After a change of pyproject.toml: make lock
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv
	for file in serving training test; do \
	    build/lock/bin/uv pip compile pyproject.toml --extra $$([ $$file = serving ] && echo grpc || echo $$file) \
	        --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	        --no-header --no-annotate --quiet --output-file deploy/requirements-$$file.txt; \
	done
	build/lock/bin/uv pip compile pyproject.toml --extra ray --group ray-image --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
	    --output-file deploy/requirements-ray.txt
	build/lock/bin/uv pip compile --group image --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
	    --output-file deploy/requirements-image.txt

# The messages of gRPC, from service/server/grpc/protos. After a change of them: make protos
protos:
	$(PYTHON) -m venv build/protos
	build/protos/bin/pip install --quiet grpcio-tools
	cd service/server/grpc/protos && ../../../../build/protos/bin/python -m grpc_tools.protoc --proto_path=. \
	    --include_imports --descriptor_set_out=../messages.binpb *.proto

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: deploy/requirements-%.txt pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --require-hashes -r $<
	$(RUN) -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) build
