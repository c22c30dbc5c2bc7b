"""The kinds of things that a host has: a module each, found by looking for it."""
