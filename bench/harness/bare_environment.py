"""The settings with which both servers of a comparison start; imported without the baseline's application."""

from __future__ import annotations

import json

from app.tenancy.registry import Whereabouts
from bench.harness.load import CLIENTS


def bare_environment(place: Whereabouts, code: str, people: dict[str, str]) -> dict[str, str]:
    """Return settings: as many connections as clients for both, and where, what and who for the baseline.

    `people` says by the beginnings of endpoints' names whose session token asks for them.
    """
    return {
        "POOL_SIZE": str(CLIENTS),
        "BARE_POOL_SIZE": str(CLIENTS),
        "BARE_HOSPITAL": code,
        "BARE_PEOPLE": json.dumps(people),
        "BARE_DATABASE_URL": (
            f"postgresql+psycopg://{place.role}:{place.password}@{place.host}:{place.port}/{place.database}"
            f"?sslmode={place.tls_mode}"
        ),
    }
