"""Whether the process lives (`/healthz`) and whether it can serve (`/readyz`)."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import db
from app.core.permissions import public
from app.core.queue import redis_connection
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
    """Tell whether the central database answers. Redis is told of, but portals serve without it."""
    state = {"central_database": _central_answers(), "redis": _redis_answers()}
    return jsonify(status="ok" if state["central_database"] else "unavailable", **state), (
        200 if state["central_database"] else 503
    )


def _central_answers() -> bool:
    try:
        with db.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except SQLAlchemyError as error:
        current_app.logger.warning("readyz: central database: %s", type(error).__name__)
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis_connection().ping())
    except RedisError as error:
        current_app.logger.warning("readyz: redis: %s", type(error).__name__)
        return False
