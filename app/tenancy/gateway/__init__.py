"""Access rules per hospital and portal: what they mean, where they are kept, and how they are changed.

`addresses` and `rules` are pure; `reading` asks the databases, `store` remembers, `editing` changes.
"""
