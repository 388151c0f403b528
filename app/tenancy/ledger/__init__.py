"""Long work with a memory: asked for by portal or command line, performed by whoever is there, resumable, followed.

`kinds` says what there is, `requests` writes what is wanted, `performing` does it, `queries` shows it.
"""
