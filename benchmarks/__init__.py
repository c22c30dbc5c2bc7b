"""What mailprov costs, measured: `python -m benchmarks.scale --help`."""
