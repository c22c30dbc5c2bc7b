"""The site: frozen models, value types and cross-field rules."""
