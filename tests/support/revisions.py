"""The newest revision of a hospital's schema and the one before it, for tests that go from one to the other.

Who adds a revision names here what it makes first and last, and what it locks meanwhile.
"""

OLD, NEW = "h021", "h022"
MADE_FIRST, MADE_LAST = "lab_tests", "lab_results"
MADE = {
    MADE_FIRST, "lab_analytes", "lab_reference_ranges", "lab_panels", "lab_panel_tests", "lab_orders", "lab_specimens",
    "lab_order_items", "lab_reports", MADE_LAST,
}  # fmt: skip
LOCKED = ("departments", "ShareRowExclusiveLock")

IN_THE_WAY = f"SET ROLE vien_owner; CREATE VIEW {MADE_LAST} AS SELECT 1 AS n"
HOLD_UP = f"LOCK TABLE {LOCKED[0]} IN ACCESS EXCLUSIVE MODE"
OUT_OF_THE_WAY = f"DROP VIEW {MADE_LAST}"
REASON = f'relation "{MADE_LAST}" already exists'
