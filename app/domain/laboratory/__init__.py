"""Tests and imaging: the catalogue, orders, specimens, results, and who has verified, seen and released them."""
