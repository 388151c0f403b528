"""Proving again who one is, and the browsers one is signed in with."""

from __future__ import annotations

from app.hospital import hospital
from app.web.browsers import add_browsers
from app.web.confirming import add_confirming

add_confirming(hospital)
add_browsers(hospital)
