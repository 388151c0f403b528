"""How a hospital's time here ends: archived, abandoned before it began, deleted with a certificate; its exit kit.

`archiving` and `deleting` are long work in the ledger, `certificates` what a deletion leaves, `kits` what is theirs.
"""
