"""The kinds of things that a host has: what each is."""
