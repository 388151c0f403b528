"""Bringing hospitals' databases to another revision: one, or all of them in waves, or a clone to see what would happen.

`scripts` reads the history once per thread, `applying` runs it in one database, `planning` says who is behind,
`running` does the fleet, `single` one hospital, `rehearsing` a clone. The ledger is in `runs`.
"""
