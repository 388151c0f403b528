"""The people that a hospital knows."""
