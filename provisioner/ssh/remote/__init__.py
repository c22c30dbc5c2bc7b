"""The remote program: POSIX sh text, sent over the connection and never installed."""
