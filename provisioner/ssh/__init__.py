"""The ways to a host: SSH (the only importer of paramiko), and the local machine."""
