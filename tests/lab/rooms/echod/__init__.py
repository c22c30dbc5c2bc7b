"""The room of echod: all that the project knows of it."""
