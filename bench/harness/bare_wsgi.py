"""The WSGI entrance of the baseline: `gunicorn bench.harness.bare_wsgi:app`."""

from __future__ import annotations

from bench.harness.bare import create_bare_app

app = create_bare_app()
