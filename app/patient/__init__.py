"""The patients' portal, made for phones."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

patient = Blueprint("patient", __name__, url_prefix="/patient")
guard(patient)

from app.patient import (  # noqa: E402
    answers,
    appointments,
    booking,
    documents,
    front_door,
    hand_off,
    home,
    identity,
    messages,
    moves,
    my_data,
    preferences,
    prescriptions,
    profile,
    queue,
    record,
    result_words,
    results,
    sessions,
    waiting,
    words,
)

__all__ = [
    "answers",
    "appointments",
    "booking",
    "documents",
    "front_door",
    "hand_off",
    "home",
    "identity",
    "messages",
    "moves",
    "my_data",
    "patient",
    "preferences",
    "prescriptions",
    "profile",
    "queue",
    "record",
    "result_words",
    "results",
    "sessions",
    "waiting",
    "words",
]
