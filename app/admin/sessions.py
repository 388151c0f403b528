"""Proving again who one is, and the browsers one is signed in with."""

from __future__ import annotations

from app.admin import admin
from app.web.browsers import add_browsers
from app.web.confirming import add_confirming

add_confirming(admin)
add_browsers(admin)
