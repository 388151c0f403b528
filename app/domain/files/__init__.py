"""The hospital's files: what they are and what they belong to. Their content lies outside the database."""
