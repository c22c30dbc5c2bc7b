# The project's commands. `make` alone lists them.

# Side by side: most of what tests do is wait for a host.
PYTEST = .venv/bin/pytest -n 2 --dist loadgroup
# What the lab's servers run: debian-12 or debian-13.
RELEASE = $(or $(MAILPROV_TEST_RELEASE),debian-12)

.PHONY: help venv demo demo-down test test-all check bench golden mutants lock wheel clean

help:
	@echo "make demo       boot the lab, apply the tutorial's site, verify it, send a mail"
	@echo "make demo-down  remove every trace of the demo"
	@echo "make test       all tests, real hosts included (says which cannot run here, and why)"
	@echo "make test-all   the full matrices, and a wider search for property failures"
	@echo "                (both on Debian 12 hosts, or with RELEASE=debian-13 or el-9 on those)"
	@echo "make check      the gates: ruff, mypy, import-linter, shellcheck, unit tests, golden trees"
	@echo "make bench      this project beside Ansible and pyinfra on eight lab hosts (an hour, root)"
	@echo "make golden     rewrite the golden trees, and the picture of docs/architecture.md"
	@echo "make mutants    change the code in small ways, and list changes that no unit test notices"
	@echo "make lock       resolve the dependencies anew"
	@echo "make wheel      build the package into dist/"

venv:
	@tools/setup-venv.sh

demo: venv
	@.venv/bin/mailprov lab demo inventories/tutorial/lab.yaml

demo-down: venv
	@.venv/bin/mailprov lab down demo

test: venv
	@tools/setup-tests.sh
	MAILPROV_TEST_RELEASE=$(RELEASE) $(PYTEST) -m "not matrix"

test-all: venv
	@tools/setup-tests.sh
	MAILPROV_TEST_RELEASE=$(RELEASE) MAILPROV_TEST_SEARCH=1 $(PYTEST)

check: venv
	@tools/setup-tests.sh --tools-only
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	shellcheck tools/*.sh .ci/run tests/support/forgetful/*.sh tests/support/forgetful/sbin/*
	$(PYTEST) tests/unit tests/golden -q

bench: venv
	@tools/setup-bench.sh
	.venv/bin/python -m benchmarks

golden: venv
	PYTHONPATH=tests .venv/bin/python -m golden.rewrite
	.venv/bin/python tools/draw_architecture.py

# All that [tool.mutmut] in pyproject.toml names, or less: make mutants ONLY='provisioner.plan.drift.*'
mutants:
	@tools/setup-mutants.sh
	.make/mutants/bin/mutmut run $(if $(ONLY),'$(ONLY)')
	.make/mutants/bin/mutmut results | grep -v 'not checked' || :

lock: venv
	.venv/bin/pip install --quiet uv
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --group dev pyproject.toml -o requirements/dev.lock
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" benchmarks/requirements.in -o benchmarks/requirements.txt
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" -c requirements/dev.lock requirements/mutants.in \
		-o requirements/mutants.txt

wheel: venv
	.venv/bin/python -m build --wheel --no-isolation --outdir dist .

clean:
	rm -rf .venv .make mutants dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
