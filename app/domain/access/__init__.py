"""Whose data a person may see, and which of it: scopes, treating relation, confidentiality, fields, emergencies."""
