"""A hospital's own long work (exports, imports, mass acts): asked for, performed batch by batch, followed, fetched."""
