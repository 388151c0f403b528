"""Letting the platform's operators see a hospital from inside: on its own word, for hours, and on record."""
