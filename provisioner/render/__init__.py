"""Site and platform in, the files of each host out: pure."""
