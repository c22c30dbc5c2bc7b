# shellcheck shell=sh
# What Unbound's own programs object to, and which Unbound it is.

# shellcheck disable=SC2034
# Read by its name (tool_of).
unbound_tool=unbound

checks_of_unbound() { run_check "unbound-checkconf" unbound-checkconf; }

# version_of_unbound: in $version.
version_of_unbound() {
    version=$(unbound -V 2>/dev/null | limited 8192)
    version=${version%%"$newline"*}
    version=${version#Version }
}
