"""The entrance of the process that holds streams: the application, of which nothing answers but streams and a probe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from app import create_app
from app.config import BadSettings
from app.web.live import hold_streams
from app.web.live_hub import Hub

TEXT = [("Content-Type", "application/json")]


class StreamsOnly:
    """The application behind a door that lets in what asks for a stream. `/healthz` says how many there are."""

    def __init__(self, app: Flask, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/healthz":
            start_response("200 OK", TEXT)
            return [json.dumps({"streams": self._hub.count, "hears": self._hub.hears}).encode()]
        if path.rsplit("/", 1)[-1] != "live" or environ["REQUEST_METHOD"] != "GET":
            start_response("404 Not Found", TEXT)
            return [b"{}"]
        return self._app.wsgi_app(environ, start_response)

    def stop(self) -> None:
        """End every stream; their pages open others elsewhere."""
        self._hub.stop()


def make() -> StreamsOnly:
    """Make the application and its hub."""
    application = create_app()
    return StreamsOnly(application, hold_streams(application))


try:
    app = make()
except BadSettings as fault:
    sys.exit(str(fault))
