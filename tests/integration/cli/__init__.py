"""Commands over a real platform."""
