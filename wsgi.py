"""The WSGI entrance: `gunicorn wsgi:app`."""

from __future__ import annotations

import sys

from app import create_app
from app.config import BadSettings

try:
    app = create_app()
except BadSettings as fault:
    sys.exit(str(fault))
