"""The room of Unbound: all that the project knows of it."""
