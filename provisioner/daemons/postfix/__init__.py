"""The room of Postfix: all that the project knows of it."""
