"""PostgreSQL and Valkey without installing them, for laptops, demonstrations and tests; never for production.

Both are real servers from wheels, run as children of this process over a folder (`var`) that keeps their
data, ports and passwords. Production gives `DATABASE_URL` and `REDIS_URL` instead.
"""

from app.core.embedded.errors import AlreadyRunningError, EmbeddedError
from app.core.embedded.ports import ensure_free
from app.core.embedded.postgres import programs as postgres_programs
from app.core.embedded.services import Addresses, Services, find_running, remove, start_services

__all__ = [
    "Addresses",
    "AlreadyRunningError",
    "EmbeddedError",
    "Services",
    "ensure_free",
    "find_running",
    "postgres_programs",
    "remove",
    "start_services",
]
