"""One record per operating-system release that hosts run: data, never code per distribution."""
