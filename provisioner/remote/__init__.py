"""What runs on hosts, and the form of its answers."""
