"""Figures for Prometheus at `/metrics`: what each web process did, and how the platform does.

Labels are portals, routes as they are written in the code, and hospitals' codes; never an address, never a person.
"""

from app.web.metrics.requests import init_measuring
from app.web.metrics.views import metrics

__all__ = ["init_measuring", "metrics"]
