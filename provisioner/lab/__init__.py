"""Real hosts on one machine."""
