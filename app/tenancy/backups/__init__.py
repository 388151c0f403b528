"""Backups of hospitals: streamed, compressed and encrypted into a store, which alone is enough to find them again.

A backup is an archive, the hospital's files, and a manifest that is written last: without it there is no backup.
"""
