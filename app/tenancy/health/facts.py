"""What else a hospital's database is asked in the same breath; each fact is declared by the subject it is about."""

from __future__ import annotations

FIXED = (
    "hospital_id",
    "pg_database_size(current_database())",
    "(SELECT numbackends FROM pg_stat_database WHERE datname = current_database())",
    "(SELECT version_num FROM alembic_version)",
    "pg_is_in_recovery()",
)

_facts: dict[str, str] = {}


def declare_fact(name: str, expression: str) -> None:
    """Have a check ask for one value by an SQL expression; `%(position)s` in it is the centre's cursor.

    It is asked of every hospital every minute, so an index must answer it, and tables of the first revision only.
    """
    _facts[name] = expression


def facts_query() -> tuple[str, list[str]]:
    """Return the query that every hospital is asked, and the names of the facts behind the fixed columns."""
    names = sorted(_facts)
    asked = [*FIXED, *(f"({_facts[name]})" for name in names)]
    return " ".join(("SELECT", ", ".join(asked), "FROM hospital_info")), names
