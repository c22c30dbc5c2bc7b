"""The site file as a person writes it: one module a section."""
