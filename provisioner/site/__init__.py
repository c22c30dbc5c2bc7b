"""Site files and secrets in: the only place that knows YAML."""
