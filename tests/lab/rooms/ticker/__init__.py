"""The room of ticker: all that the project knows of it."""
