"""The sockets behind the probes: from here, or through the SSH connection of a host."""
