"""Whether the process lives (`/healthz`) and whether it can serve (`/readyz`).

Neither is bound to a hospital nor counted by a limit, and neither says more than yes or no.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app.core.permissions import public
from app.core.queue_state import redis_answers
from app.tenancy.health.central import central_answers
from app.web.guards import guard

health = Blueprint("health", __name__)
guard(health)


@health.get("/healthz")
@public
def alive() -> Response:
    """Tell that the process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
@public
def ready() -> tuple[Response, int]:
    """Tell whether the central database and Redis answer.

    Without Redis it is `degraded` and still 200: portals serve, and what is queued waits in PostgreSQL.
    """
    central, redis = central_answers(), redis_answers()
    status = "unavailable" if not central else "ok" if redis else "degraded"
    return jsonify(status=status, central_database=central, redis=redis), 200 if central else 503
