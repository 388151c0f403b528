"""What a check of a hospital's health asks about the outbox: how much the centre has not heard of, and since when."""

from app.tenancy.health.facts import declare_fact

BEHIND = "FROM outbox_events WHERE position IS NULL OR position > %(position)s"
MOST = 10_000

declare_fact("outbox_waiting", f"SELECT count(*) FROM (SELECT 1 {BEHIND} LIMIT {MOST}) behind")  # noqa: S608 # nosec B608
declare_fact(
    "outbox_age",
    "SELECT extract(epoch FROM now() - min(behind.created_at))::int"  # noqa: S608 # nosec B608
    f" FROM (SELECT created_at {BEHIND} LIMIT {MOST}) behind",
)
