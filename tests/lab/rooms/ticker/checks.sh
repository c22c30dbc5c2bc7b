# shellcheck shell=sh
# Ticker objects to nothing. Its version never changes.

# shellcheck disable=SC2034
# Read by its name (tool_of).
ticker_tool=sleep
checks_of_ticker() { :; }
version_of_ticker() { version=1.0; }
