"""What the benchmarks share: a platform of their own, servers under load, alternating rounds, how figures are said."""
