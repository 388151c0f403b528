"""The newest revision of a hospital's schema and the one before it, for tests that go from one to the other.

Who adds a revision names here what it makes first and last, and what it locks meanwhile.
"""

OLD, NEW = "h021", "h022"
MADE_FIRST, MADE_LAST = "long_work", "long_work_rows"
MADE = {MADE_FIRST, "long_work_files", MADE_LAST}
LOCKED = ("files", "ShareRowExclusiveLock")

IN_THE_WAY = f"SET ROLE vien_owner; CREATE VIEW {MADE_LAST} AS SELECT 1 AS n"
HOLD_UP = f"LOCK TABLE {LOCKED[0]} IN ACCESS EXCLUSIVE MODE"
OUT_OF_THE_WAY = f"DROP VIEW {MADE_LAST}"
REASON = f'relation "{MADE_LAST}" already exists'
