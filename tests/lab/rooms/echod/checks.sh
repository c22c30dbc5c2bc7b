# shellcheck shell=sh
# What echod objects to. Its version never changes.

# shellcheck disable=SC2034
# Read by its name (tool_of).
echod_tool=perl
checks_of_echod() { [ ! -e /etc/echod/echod ] || run_check "echod -c" perl /etc/echod/echod -c; }
version_of_echod() { version=1.0; }
