"""The daemons, each in a room of its own."""
