"""The tests: they talk to a real PostgreSQL and a real Redis, with two hospitals always present."""
