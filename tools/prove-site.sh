#!/bin/sh
# Prove a site on its hosts: tools/prove-site.sh SITE [OPTION...]
#
# What continuous integration runs on every kind of machine, and what a test runs on lab
# hosts: apply; verify; apply again, which has to change nothing; plan, which has to be
# empty; rollback to what was found, and apply once more, which verifies by itself. The
# hosts exist already, and nothing of mailprov's is on them. OPTIONs go to `apply`, like
# --accept-new-host-keys. MAILPROV names the command, .venv/bin/mailprov by default.
#
# Exit status: 0, or that of the first step that failed.
set -eu
mailprov=${MAILPROV:-$(dirname "$0")/../.venv/bin/mailprov}
site=${1:?the site file}
shift

step() {
    printf '\n== %s\n' "$*"
    "$mailprov" "$@" || {
        status=$?
        printf '== mailprov %s: exit status %s\n' "$1" "$status" >&2
        exit "$status"
    }
}

apply_nothing() {
    printf '\n== apply %s, with nothing to do\n' "$site"
    report=$("$mailprov" apply --json "$site")
    printf '%s\n' "$report" | grep -q '^  "changes": 0,$' || {
        printf '%s\n' "$report"
        echo "== the second apply changed something" >&2
        exit 1
    }
}

step apply "$site" "$@"
step verify "$site"
apply_nothing
step plan "$site"
step rollback "$site" --to 0
step apply "$site"
printf '\n== %s is proven\n' "$site"
