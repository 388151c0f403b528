"""The operators' portal over a real platform."""
