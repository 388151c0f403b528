"""Proving again who one is, and the browsers one is signed in with."""

from __future__ import annotations

from app.patient import patient
from app.web.browsers import add_browsers
from app.web.confirming import add_confirming

add_confirming(patient)
add_browsers(patient)
