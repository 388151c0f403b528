"""Whether the central database answers: asked on a connection of its own, and for two seconds at most."""

from __future__ import annotations

import psycopg
from flask import current_app

from app.core.logging import get_logger
from app.tenancy.health.reading import answering

log = get_logger(__name__)

LIMIT_SECONDS = 2


def central_answers() -> bool:
    """Tell whether the central database answers.

    Not through the pool: its connections may all be waiting for the very database that hangs.
    """
    address = current_app.extensions["settings"].database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        connection = psycopg.connect(
            address,
            autocommit=True,
            connect_timeout=LIMIT_SECONDS,
            application_name="vien-ready",
            prepare_threshold=None,
        )
        with answering(connection, LIMIT_SECONDS):
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        log.warning("central database away", error=type(error).__name__)
        return False
    return True
