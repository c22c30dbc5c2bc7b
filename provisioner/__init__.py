"""mailprov: one readable file becomes a working mail site on real machines."""

__version__ = "0.2.0"
