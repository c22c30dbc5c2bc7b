"""The room of Dovecot: all that the project knows of it."""
