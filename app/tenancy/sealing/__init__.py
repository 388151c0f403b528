"""Seals over append-only logs: what is hashed, how it is chained, and how it is held against the rows again."""
