#!/bin/sh
# Make benchmarks/.venv with the tools that `make bench` compares this project with, at the
# versions of benchmarks/requirements.txt. Does nothing where nothing has changed since.
set -eu

venv=benchmarks/.venv
stamp=$venv/.ready
if [ -f "$stamp" ] && [ -z "$(find benchmarks/requirements.txt -newer "$stamp")" ]; then
    exit 0
fi

echo "setting up $venv (the other tools)"
"${PYTHON:-python3}" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    -r benchmarks/requirements.txt
touch "$stamp"
