"""The patients' portal, made for phones."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

patient = Blueprint("patient", __name__, url_prefix="/patient")
guard(patient)

from app.patient import (  # noqa: E402
    appointments,
    booking,
    front_door,
    hand_off,
    home,
    identity,
    messages,
    my_data,
    profile,
    queue,
    record,
    sessions,
    words,
)

__all__ = [
    "appointments",
    "booking",
    "front_door",
    "hand_off",
    "home",
    "identity",
    "messages",
    "my_data",
    "patient",
    "profile",
    "queue",
    "record",
    "sessions",
    "words",
]
