"""Finds TCP ports on loopback, and says clearly when the one that was asked for is taken."""

import random
import socket

from app.core.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
# Below the range from which Linux and macOS draw the ports of outgoing connections.
OURS = range(20_000, 32_000)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def keep_or_find(port: int) -> int:
    """Return the port of last time if it is still to be had, otherwise another (0: there was none)."""
    return port if port and is_free(port) else find_free()


def find_free() -> int:
    """Return a port that was free a moment ago."""
    for port in random.sample(OURS, 200):
        if is_free(port):
            return port
    raise EmbeddedError("None of 200 tried ports on 127.0.0.1 is free. What listens there? ss -ltn")


def ensure_free(port: int, host: str = LOOPBACK) -> None:
    """Refuse a port that somebody listens on, or that we may not have, with a sentence for the terminal."""
    if not is_free(port, host):
        raise EmbeddedError(
            f"Port {port} on {host} cannot be had: something else listens there, or it needs root. "
            f"Stop that, or choose another, for example: PORT={port + 1 if port >= 1024 else 8000} make run"
        )
