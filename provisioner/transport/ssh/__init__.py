"""SSH connections: the only importer of paramiko."""
