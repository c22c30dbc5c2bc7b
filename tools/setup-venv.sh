#!/bin/sh
# Make .venv with the locked dependencies and this project in it. Run from the top of
# the checkout; does nothing where nothing has changed since.
set -eu

stamp=.venv/.ready
if [ -f "$stamp" ] && [ -z "$(find requirements/dev.lock pyproject.toml -newer "$stamp")" ]; then
    exit 0
fi

python=${PYTHON:-python3}
# Debian ships the module without what it needs; say or do what is missing.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3-venv >/dev/null ||
            { apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3-venv >/dev/null; }
    else
        echo "mailprov: python3 has no venv: install the package python3-venv, then run make again" >&2
        exit 1
    fi
fi

echo "setting up .venv (locked dependencies)"
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$stamp"
