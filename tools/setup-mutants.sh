#!/bin/sh
# Make .make/mutants, a virtual environment with the locked dependencies and the tool that
# `make mutants` runs. This project is not in it, so that tests find the changed copy and no
# other. Does nothing where nothing has changed since.
set -eu

venv=.make/mutants
stamp=$venv/.ready
if [ -f "$stamp" ] &&
    [ -z "$(find requirements/dev.lock requirements/mutants.txt -newer "$stamp")" ]; then
    exit 0
fi

echo "setting up $venv (mutation testing)"
"${PYTHON:-python3}" -m venv --clear "$venv"
for lock in dev.lock mutants.txt; do
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        -r "requirements/$lock"
done
touch "$stamp"
