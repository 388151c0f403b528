"""The loopback SMS gateway, for development: it takes messages, shows them, and reports and replies as it is told."""
