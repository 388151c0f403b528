"""How gunicorn runs the process that holds streams. It is read before anything is patched: it imports nothing."""

from __future__ import annotations

import os
from typing import Any

bind = os.environ.get("STREAMS_BIND", "127.0.0.1:8001")
worker_class = "gevent"
workers = int(os.environ.get("STREAM_PROCESSES", "1"))
# More than there may be streams: somebody above the limit is told so, and the probe is always answered.
worker_connections = int(os.environ.get("STREAM_LIMIT", "1000")) + 50
preload_app = False  # the application is imported when the process has been patched, not before
graceful_timeout = 10
keepalive = 1  # a connection whose stream has ended holds up a stop for no longer
loglevel = "warning"
control_socket_disable = True

STOP_LOOK_SECONDS = 0.1


def post_worker_init(worker: Any) -> None:
    """Have every stream ended when the process is asked to stop, so that its pages go on elsewhere at once."""
    import gevent

    def watch() -> None:
        while worker.alive:
            gevent.sleep(STOP_LOOK_SECONDS)
        worker.app.callable.stop()

    gevent.spawn(watch)
