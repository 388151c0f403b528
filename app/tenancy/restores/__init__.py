"""Bringing a hospital back from a backup, proving that it can be, and taking one over from another installation."""
