"""Whose key opens what: rotating database credentials and encryption keys, and proving that none opens more."""
