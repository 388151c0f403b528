"""The formulary and what doctors prescribe from it."""
